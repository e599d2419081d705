// Makes the native library of tfjs-node in a folder of its own: by the package's own installer, or from the
// libraries and headers in a wheel of TensorFlow.
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { which } from '../find.mjs';
import { endIfInterrupted, fail, root, run, say } from '../steps.mjs';
import { PACKAGE } from './place.mjs';

const INSTALLER_WITHIN_MS = 600_000;
// The last TensorFlow whose C API tfjs-node 4.22 is known to work with here. Its wheel for any one Python will do:
// nothing in it but shared objects and headers is used.
const WHEEL = 'tensorflow-cpu==2.15.1';
const WHEEL_SHA256 = '54660c074d7241a503e81edfd9f5ef5af88f64051b72e2945f26318c790f2d26';
const WHEEL_FOR = ['--python-version=3.11', '--implementation=cp', '--platform=manylinux2014_x86_64'];
// Headers of the C API and what they include.
const EXTRACT = `
import sys, zipfile
wanted = ('tensorflow/libtensorflow_', *('tensorflow/include/' + path for path in (
    'tensorflow/c/', 'tensorflow/core/platform/ctstring', 'tsl/c/', 'tsl/platform/ctstring')))
wheel = zipfile.ZipFile(sys.argv[1])
wheel.extractall(sys.argv[2], [name for name in wheel.namelist() if name.startswith(wanted)])`;

/**
 * A step whose output matters only when it fails.
 * @param {string} what
 * @param {string} program
 * @param {string[]} args
 * @param {import('../steps.mjs').How} how
 */
async function step(what, program, args, how) {
  const { ok, output } = await run(program, args, { ...how, quiet: true });
  endIfInterrupted();
  if (!ok) fail(`${output.trim().split('\n').slice(-30).join('\n')}\nscoregate: ${what} failed (see above)`);
}

/**
 * The package and what it needs, as the lock file says, without its native library.
 * @param {string} stage
 */
export async function fetchPackages(stage) {
  const args = [
    'ci',
    '--prefix',
    stage,
    '--ignore-scripts',
    '--omit=dev',
    '--include=optional',
    '--no-audit',
  ];
  await step('npm ci', 'npm', args, { cwd: stage });
  if (!existsSync(join(stage, PACKAGE))) fail('npm ci did not install @tensorflow/tfjs-node');
}

/**
 * Loads the package of a folder in a process of its own.
 * @param {string} folder
 * @returns {Promise<{ ok: boolean, output: string }>} its versions, or why it does not load
 */
export async function check(folder) {
  if (!existsSync(join(folder, PACKAGE))) return { ok: false, output: 'it is not installed' };
  const args = ['--import', import.meta.resolve('tsx'), join(root, 'launch/native/check.ts'), folder];
  const { ok, output } = await run(process.execPath, args, { quiet: true });
  endIfInterrupted();
  return { ok, output: output.trim() || 'the process ended without a word' };
}

/**
 * The way of the package itself: it downloads TensorFlow and a built binding from where Google keeps them.
 * @param {string} stage
 * @returns {Promise<string | null>} why that failed
 */
export async function useInstaller(stage) {
  const args = ['rebuild', '--prefix', stage, '@tensorflow/tfjs-node'];
  const { ok, output } = await run('npm', args, { cwd: stage, quiet: true, timeout: INSTALLER_WITHIN_MS });
  endIfInterrupted();
  if (!ok) return /\bError: (.*)/.exec(output)?.[1] ?? `npm ${args.join(' ')} failed`;
  const loads = await check(stage);
  return loads.ok ? null : loads.output;
}

/**
 * Builds the binding against the shared objects of a wheel.
 * @param {string} stage
 */
export async function useWheel(stage) {
  const folder = join(stage, PACKAGE);
  const wheel = join(stage, 'wheel');
  const requirement = join(stage, 'wheel.txt');
  writeFileSync(requirement, `${WHEEL} --hash=sha256:${WHEEL_SHA256}\n`);
  say(`downloading ${WHEEL.replace('==', ' ')}, 207 MB`);
  const pip = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--require-hashes', ...WHEEL_FOR];
  await step('pip download', 'python3', [...pip, '-r', requirement, '-d', wheel], { cwd: stage });
  await step('unpacking', 'python3', ['-c', EXTRACT, join(wheel, readdirSync(wheel)[0] ?? ''), wheel], {
    cwd: stage,
  });
  for (const name of ['deps', 'lib', 'build']) rmSync(join(folder, name), { recursive: true, force: true });
  mkdirSync(join(folder, 'deps/lib'), { recursive: true });
  renameSync(join(wheel, 'tensorflow/include'), join(folder, 'deps/include'));
  for (const [name, link] of Object.entries({
    cc: 'libtensorflow.so',
    framework: 'libtensorflow_framework.so',
  })) {
    const file = `libtensorflow_${name}.so.2`;
    renameSync(join(wheel, 'tensorflow', file), join(folder, 'deps/lib', file));
    symlinkSync(file, join(folder, 'deps/lib', link));
  }
  rmSync(wheel, { recursive: true });
  say('building the binding');
  await build(folder);
}

/** @param {string} folder */
async function build(folder) {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const here = existsSync(join(prefix, 'include/node/node.h'));
  const options = {
    // Without it node-gyp downloads the headers, which is not possible everywhere.
    ...(here ? { nodedir: prefix } : {}),
    module_name: 'tfjs_binding',
    module_path: join(folder, 'lib/napi-v8'),
    napi_build_version: '8',
    python: which('python3') ?? 'python3',
  };
  // `npm exec` finds the node-gyp that npm brings along; what is quoted for its shell is in variables.
  const env = { ...process.env };
  const flags = Object.entries(options).map(([name, value]) => {
    env[`OPTION_${name}`] = value;
    return `"--${name}=$OPTION_${name}"`;
  });
  await step('node-gyp', 'npm', ['exec', '-c', `node-gyp rebuild ${flags.join(' ')}`], { cwd: folder, env });
  rmSync(join(folder, 'build'), { recursive: true, force: true });
}
