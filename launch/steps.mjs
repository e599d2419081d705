// What every setup program does: say, fail, run other programs. Plain JavaScript, because it runs before the npm
// packages are there.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {string} text */
export function say(text) {
  process.stderr.write(`scoregate: ${text}\n`);
}

/**
 * @param {string} text
 * @returns {never}
 */
export function fail(text) {
  say(text);
  process.exit(1);
}

let interrupted = false;
export const isInterrupted = () => interrupted;

export function endIfInterrupted() {
  if (interrupted) process.exit(130);
}

/**
 * `quiet` keeps the output for the caller instead of showing it; `timeout` is in milliseconds.
 * @typedef {{ env?: NodeJS.ProcessEnv, cwd?: string, quiet?: boolean, timeout?: number }} How
 */

/**
 * Runs a program. A signal to us goes to it too, and ends this process once it has ended and what was set up for it
 * is cleared away: see endIfInterrupted().
 * @param {string} program
 * @param {string[]} args
 * @param {How} how
 * @returns {Promise<{ ok: boolean, output: string }>} all that it wrote when it was quiet
 */
export async function run(program, args, { env = process.env, cwd = root, quiet, timeout } = {}) {
  const out = quiet ? 'pipe' : 'inherit';
  const child = spawn(program, args, { cwd, env, timeout, stdio: ['ignore', out, out] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (output += String(data)));
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => {
    interrupted = true;
    child.kill(signal);
  };
  process.on('SIGINT', forward).on('SIGTERM', forward);
  try {
    const [code] = await once(child, 'close');
    return { ok: code === 0, output };
  } catch (error) {
    return { ok: false, output: String(error) };
  } finally {
    process.off('SIGINT', forward).off('SIGTERM', forward);
  }
}

/**
 * run(), for those who only ask whether it succeeded.
 * @param {string} program
 * @param {string[]} args
 * @param {How} [how]
 */
export async function runs(program, args, how) {
  return (await run(program, args, how)).ok;
}
