/** A real Redis for a test: on its own port, without files, gone when the test is over. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

export interface RedisServer {
  url: string;
  port: number;
  process: ChildProcess;
  /** A connection for the test itself. */
  client: Redis;
  /** SIGSTOP and SIGCONT. */
  freeze(): void;
  thaw(): void;
  stop(): Promise<void>;
}

export async function startRedis(port: number, ...args: string[]): Promise<RedisServer> {
  const dir = mkdtempSync(join(tmpdir(), 'scoregate-redis-'));
  const options = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    dir,
  ];
  const child = spawn('redis-server', [...options, ...args], { stdio: 'ignore' });
  const url = `redis://127.0.0.1:${port}`;
  const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: 500 });
  client.on('error', () => undefined);
  await client.ping();
  return {
    url,
    port,
    client,
    process: child,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    stop: async () => {
      client.disconnect();
      const gone = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await gone;
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until something holds. */
export async function until(what: () => boolean | Promise<boolean>, ms = 5000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await what())) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${what.toString()}`);
    await sleep(10);
  }
}
