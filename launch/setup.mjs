// Sets up what is missing: npm packages from the lock file and, as root on Debian and Ubuntu, apt packages. Plain
// JavaScript, because it runs before the npm packages are there.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { aptInstall } from './apt.mjs';
import { findNginx, findRedis, missingLibraries, which } from './find.mjs';
import { endIfInterrupted, fail, root, runs, say } from './steps.mjs';

export { root, say } from './steps.mjs';

const NODE = 20;
export const PACKAGES = [
  'nginx',
  'libnginx-mod-http-lua',
  'lua-resty-core',
  'lua-resty-lrucache',
  'lua-cjson',
  'redis-server',
];
// What else a command needs: Debian's package, and the program that tells whether it is there. `luajit2` and not
// `luajit`: the latter conflicts with the library that nginx's Lua module needs.
export const TEST_PROGRAMS = {
  'lua-check': 'luacheck',
  'lua-busted': 'busted',
  luajit2: 'luajit',
  openssl: 'openssl',
  wrk: 'wrk',
};

/** Ends the process when this Node or this system cannot run Scoregate. */
export function checkNode() {
  if (Number(process.versions.node.split('.')[0]) < NODE) {
    fail(
      `Node ${NODE} or newer is needed; this is ${process.version}. Install it (https://nodejs.org/en/download), ` +
        'or run everything in containers: docker compose up --build',
    );
  }
  if (process.platform !== 'linux') {
    fail(
      `Linux is needed; this is ${process.platform}. Run everything in containers: docker compose up --build`,
    );
  }
}

/** Runs `npm ci` when node_modules does not hold what the lock file says. */
export async function ensureNpmPackages() {
  const reason = npmReason();
  if (reason === null) return;
  say(`${reason}: npm ci (TensorFlow.js's native library is optional; a few minutes where it must be built)`);
  const native = existsSync(nativeLibrary);
  for (const more of [[], ['--ignore-scripts']]) {
    if (more.length > 0)
      say('npm ci failed; trying without install scripts (only the native TensorFlow needs one)');
    // Development packages too: `npm test` needs them, and one node_modules for both commands is simpler.
    const done = await runs('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', ...more]);
    endIfInterrupted();
    if (done && npmReason() === null) return native ? await restoreNative() : undefined;
  }
  fail('npm ci failed (see above); with a network and a registry that npm can reach, try again');
}

const nativeLibrary = join(root, 'node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node');

/** `npm ci` removes what `npm run setup:tfjs-node` has built; who wanted it once wants it still. */
async function restoreNative() {
  if (existsSync(nativeLibrary)) return;
  say(
    "npm ci has removed TensorFlow.js's native library, as it does with all it did not install: setting it up again",
  );
  const restored = await runs(process.execPath, [join(root, 'launch/native/setup.mjs')]);
  endIfInterrupted();
  if (!restored) say('going on without it: the wasm backend computes the same');
}

/**
 * Why the npm packages must be installed; null when they are as the lock file says. npm leaves a copy of what it
 * installed in node_modules, so contents are compared and no time stamps.
 * @returns {string | null}
 */
function npmReason() {
  const installed = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return 'the npm packages are not installed yet';
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const present = packagesOf(installed);
  for (const [path, { version, optional }] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = present[path];
    // An optional package may be missing: it was not for this system, or could not be built.
    if (found ? found.version !== version : !optional) return 'package-lock.json has changed';
  }
  return null;
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean }>}
 */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
  } catch {
    return {};
  }
}

/**
 * What of the system is missing, by the names of Debian's packages.
 * @param {Record<string, string>} programs
 * @returns {string[]}
 */
export function missingPackages(programs) {
  const nginx = findNginx();
  const missing = nginx && missingLibraries(nginx).length === 0 ? [] : PACKAGES.slice(0, -1);
  if (!findRedis()) missing.push('redis-server');
  for (const [name, program] of Object.entries(programs)) if (!which(program)) missing.push(name);
  return missing;
}

/**
 * Installs what of the system is missing, or says what to install and ends the process.
 * @param {Record<string, string>} programs what is needed beside the gateway's own: package and program
 */
export async function ensureSystemPackages(programs = {}) {
  const missing = missingPackages(programs);
  if (missing.length === 0) return;
  const command = `apt-get install ${missing.join(' ')}`;
  const otherwise = 'or run everything in containers: docker compose up --build';
  if (!which('apt-get')) {
    const more = Object.values(programs);
    fail(
      'this system needs, installed by hand: OpenResty (https://openresty.org/en/installation.html), or an nginx ' +
        'with lua-nginx-module, lua-resty-core, lua-resty-lrucache and lua-cjson; and redis-server 6 or newer; ' +
        (more.length > 0 ? `for this command also ${more.join(', ')}; ` : '') +
        otherwise,
    );
  }
  if (process.getuid?.() !== 0)
    fail(`missing: ${missing.join(' ')}. Install with: sudo ${command}; ${otherwise}`);
  say(`missing: ${missing.join(' ')}`);
  await aptInstall(missing);
  const still = missingPackages(programs);
  if (still.length > 0) fail(`still missing after ${command}: ${still.join(' ')} (see above); ${otherwise}`);
}
