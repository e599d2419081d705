// Where the native library is prepared, and how it gets from there into node_modules.
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from '../steps.mjs';

export const PACKAGE = 'node_modules/@tensorflow/tfjs-node';
// Inside node_modules: on the same file system, and npm takes no notice of names with a dot.
const STAGE = '.setup-tfjs-node-';

/** Makes a folder to build in, which goes when this process does, and clears those that killed ones have left. */
export function makeStage(folder = root) {
  const modules = join(folder, 'node_modules');
  for (const name of readdirSync(modules)) {
    if (name.startsWith(STAGE) && !runs(Number(name.slice(STAGE.length)))) remove(join(modules, name));
  }
  const stage = join(modules, `${STAGE}${process.pid}`);
  mkdirSync(stage);
  process.on('exit', () => remove(stage));
  for (const name of ['package.json', 'package-lock.json', '.npmrc']) {
    if (existsSync(join(folder, name))) copyFileSync(join(folder, name), join(stage, name));
  }
  return stage;
}

/** @param {string} folder */
const remove = (folder) => rmSync(folder, { recursive: true, force: true });

/** @param {number} pid */
function runs(pid) {
  try {
    return pid !== process.pid && process.kill(pid, 0);
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/**
 * Moves what node_modules lacks, and the package itself as the last: whoever loads it finds all of it or none.
 * @param {string} stage
 * @param {string} folder the project's
 */
export function place(stage, folder = root) {
  const staged = packagesOf(stage);
  for (const path of Object.keys(staged).sort()) {
    if (path === PACKAGE || path.startsWith(`${PACKAGE}/`)) continue;
    // One that lies within another has moved with it.
    if (existsSync(join(stage, path)) && !existsSync(join(folder, path))) move(stage, folder, path);
  }
  if (existsSync(join(folder, PACKAGE))) renameSync(join(folder, PACKAGE), join(stage, 'replaced'));
  move(stage, folder, PACKAGE);
  list(staged, folder);
}

/**
 * @param {string} stage
 * @param {string} folder
 * @param {string} path
 */
function move(stage, folder, path) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  renameSync(join(stage, path), join(folder, path));
}

/**
 * Adds to npm's own list of what is in node_modules, so that npm and `npm start` know of it.
 * @param {Record<string, object>} staged
 * @param {string} folder
 */
function list(staged, folder) {
  const file = hiddenLock(folder);
  const lock = JSON.parse(readFileSync(file, 'utf8'));
  const more = Object.entries(staged).filter(([path]) => existsSync(join(folder, path)));
  lock.packages = Object.fromEntries(
    Object.entries({ ...Object.fromEntries(more), ...lock.packages }).sort(),
  );
  writeFileSync(`${file}.new`, `${JSON.stringify(lock, null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

/** @param {string} folder */
const hiddenLock = (folder) => join(folder, 'node_modules/.package-lock.json');

/**
 * @param {string} folder
 * @returns {Record<string, object>}
 */
const packagesOf = (folder) => JSON.parse(readFileSync(hiddenLock(folder), 'utf8')).packages;
