/** The run folder: one launcher at a time, the secret, and who owns what. */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { User } from './user.ts';

const pidFile = (run: string): string => join(run, 'scoregate.pid');

/** The process id of the launcher that uses this run folder; null when none does. */
export function running(run: string): number | null {
  try {
    const pid = Number(readFileSync(pidFile(run), 'utf8'));
    // A process id is used again after a while: only a launcher is meant.
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return command.includes('start.mjs') && pid !== process.pid ? pid : null;
  } catch {
    return null;
  }
}

/** Makes the folder, claims it for this launcher and makes the secret. Throws when it cannot be written to. */
export function prepare(run: string, user: User | null): void {
  mkdirSync(run, { recursive: true });
  for (const name of [
    '.',
    'secret',
    'nginx.conf',
    'error.log',
    'access.log',
    'redis',
    'tmp',
    'cache',
    'cache_changes',
  ]) {
    const path = join(run, name);
    if (existsSync(path)) writable(path, run);
  }
  const other = running(run);
  if (other !== null) {
    throw new Error(
      `Scoregate already runs from ${run} (process ${other}); stop it, or choose another --run DIR`,
    );
  }
  writeFileSync(pidFile(run), `${process.pid}\n`);
  makeSecret(run, user);
}

function writable(path: string, run: string): void {
  try {
    accessSync(path, constants.W_OK);
  } catch {
    throw new Error(
      `${path} cannot be written (made by another user?); remove ${run}, or choose another --run DIR`,
    );
  }
}

/** 64 hexadecimal digits in run/secret, readable by the processes' user only; an existing one is kept. */
export function makeSecret(run: string, user: User | null): void {
  const path = join(run, 'secret');
  const known = existsSync(path) && /^[0-9a-f]{64}\s*$/.test(readFileSync(path, 'utf8'));
  if (!known) {
    rmSync(path, { force: true });
    writeFileSync(path, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  }
  chmodSync(path, 0o600);
  if (user) chownSync(path, user.uid, user.gid);
}

/** Makes a folder for what the processes' user writes. One that is there already keeps its owner. */
export function makeFolder(path: string, user: User | null): void {
  const made = mkdirSync(path, { recursive: true });
  if (made !== undefined && user) chownSync(path, user.uid, user.gid);
}

/** What came of a reload. */
export interface Answer {
  ok: boolean;
  text: string;
}

const answerFile = (run: string): string => join(run, 'reload.json');

/** Leaves the answer for `npm run reload`, which asked with a signal and cannot hear one. */
export function leaveAnswer(run: string, answer: Answer): void {
  writeFileSync(`${answerFile(run)}.new`, JSON.stringify(answer));
  renameSync(`${answerFile(run)}.new`, answerFile(run));
}

/** Takes the answer; null when there is none yet. */
export function takeAnswer(run: string): Answer | null {
  if (!existsSync(answerFile(run))) return null;
  const answer = JSON.parse(readFileSync(answerFile(run), 'utf8')) as Answer;
  rmSync(answerFile(run));
  return answer;
}

/** Gives the folder up. */
export function release(run: string): void {
  rmSync(pidFile(run), { force: true });
}
