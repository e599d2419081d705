/**
 * load() in a process of its own, so that a test has time for other things, and two of them a core each. Its requests
 * are those of 400 clients for 50 pages. It tells its parent what it has counted ten times a second.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { load, noLoad, type LoadOptions, type LoadResult } from './load.ts';

type Options = Omit<LoadOptions, 'request' | 'onAnswer' | 'into'>;

export interface RunningLoad {
  /** What has been counted so far. */
  result: LoadResult;
  /** When all that was sent has been answered, or failed. */
  ended: Promise<void>;
}

const TOLD_EVERY_MS = 100;

/** Begins a load; its process ends with it. */
export function loadProcess(options: Options): RunningLoad {
  const child = fork(fileURLToPath(import.meta.url), [], { execArgv: ['--import', 'tsx'] });
  const running = { result: noLoad(), ended: Promise.resolve() };
  child.on('message', (result) => Object.assign(running.result, result));
  running.ended = new Promise((resolve, reject) =>
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the load ended with ${code}`)))),
  );
  child.send(options);
  return running;
}

function request(k: number): { path: string; headers: Record<string, string> } {
  const client = k % 400;
  return {
    path: `/page${k % 50}`,
    headers: { 'X-Forwarded-For': `10.2.${client >> 8}.${client & 255}`, Referer: 'http://site/' },
  };
}

async function serve(options: Options): Promise<void> {
  const into = noLoad();
  const timer = setInterval(() => process.send?.(into), TOLD_EVERY_MS);
  await load({ ...options, request, into });
  clearInterval(timer);
  process.send?.(into, () => process.disconnect());
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  process.once('message', (options: Options) => void serve(options));
