// Sets up what is missing: npm packages from the lock file and, as root on Debian and Ubuntu, apt packages. Plain
// JavaScript, because it runs before the npm packages are there.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNginx, findRedis, missingLibraries, which } from './find.mjs';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

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
  wrk: 'wrk',
};

/** @param {string} text */
export function say(text) {
  process.stderr.write(`scoregate: ${text}\n`);
}

/**
 * @param {string} text
 * @returns {never}
 */
function fail(text) {
  say(text);
  process.exit(1);
}

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

let interrupted = false;

/**
 * Runs a program whose output is seen; true when it succeeds. A signal to us goes to it too, and ends this process
 * once it has ended and what was set up for it is cleared away: see endIfInterrupted().
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<boolean>}
 */
async function runs(program, args, env = process.env) {
  const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => {
    interrupted = true;
    child.kill(signal);
  };
  process.on('SIGINT', forward).on('SIGTERM', forward);
  try {
    const [code] = await once(child, 'exit');
    return code === 0;
  } catch {
    return false;
  } finally {
    process.off('SIGINT', forward).off('SIGTERM', forward);
  }
}

function endIfInterrupted() {
  if (interrupted) process.exit(130);
}

/** Runs `npm ci` when node_modules does not hold what the lock file says. */
export async function ensureNpmPackages() {
  const reason = npmReason();
  if (reason === null) return;
  say(`${reason}: npm ci (TensorFlow.js's native library is optional; a few minutes where it must be built)`);
  for (const more of [[], ['--omit=optional']]) {
    if (more.length > 0) say('npm ci failed; trying without optional packages (the wasm backend needs none)');
    // Development packages too: `npm test` needs them, and one node_modules for both commands is simpler.
    const done = await runs('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', ...more]);
    endIfInterrupted();
    if (done && npmReason() === null) return;
  }
  fail('npm ci failed (see above); with a network and a registry that npm can reach, try again');
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
  say(`installing, without starting any service: ${command}`);
  await withoutServices(() => install(missing));
  keepOff(missing);
  const still = missingPackages(programs);
  if (still.length > 0) fail(`still missing after ${command}: ${still.join(' ')} (see above); ${otherwise}`);
}

/**
 * Keeps the services of freshly installed packages off at the next boot too: nobody asked for them.
 * @param {string[]} packages
 */
function keepOff(packages) {
  const services = packages.filter((name) => ['nginx', 'redis-server', 'haproxy'].includes(name));
  if (services.length === 0 || !which('systemctl')) return;
  spawnSync('systemctl', ['disable', '--quiet', ...services], { stdio: 'ignore' });
}

/** @param {string[]} packages */
async function install(packages) {
  for (let attempt = 1; attempt <= 2 && !interrupted; attempt++) {
    if (attempt > 1) say('that failed; once more');
    const updated = await apt(['update', '-q']);
    // A stale list can still be good enough, and a package source that is down need not be one of ours.
    if (!updated && !interrupted) say('apt-get update failed; going on with the lists that are there');
    if (!interrupted && (await apt(['install', '-y', '-q', '--no-install-recommends', ...packages]))) return;
  }
}

/** @param {string[]} args */
const apt = (args) => runs('apt-get', args, { ...process.env, DEBIAN_FRONTEND: 'noninteractive' });

/**
 * Debian starts a service as soon as it is installed, unless policy-rc.d forbids it (invoke-rc.d(8)): a fresh nginx
 * would take port 80, Redis 6379.
 * @param {() => Promise<void>} action
 */
async function withoutServices(action) {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await action();
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
  endIfInterrupted();
}
