/**
 * h2load: at a fixed rate, with its log file, for what each request took; or over TLS with HTTP/2, as fast as it goes.
 * It sends one set of headers, so several run, each of them one client.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { BROWSER, clientAddress } from './drive.ts';
import { OTHER_CORES } from './stand.ts';
import type { Load } from './turns.ts';

/** Clients, each an h2load of its own, and connections of each. */
const CLIENTS = 8;
const CONNECTIONS = 4;
/** Over HTTP/2: requests under way on a connection; with wrk there are as many in all. */
const STREAMS = 2;

const clients = <T>(one: (k: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: CLIENTS }, (_, k) => one(k)));

/** `rate` requests a second for `seconds`; answers what each took, in ms, sorted. */
export async function h2load(
  folder: string,
  port: number,
  rate: number,
  seconds: number,
): Promise<Float64Array> {
  const all = await clients((k) => paced(folder, port, rate / CLIENTS, seconds, k));
  return Float64Array.from(all.flat()).sort();
}

async function paced(
  folder: string,
  port: number,
  rate: number,
  seconds: number,
  k: number,
): Promise<number[]> {
  const log = join(folder, `h2load-${k}.log`);
  rmSync(log, { force: true });
  const words = ['--h1', '-n', String(Math.round(rate * seconds)), '-c', String(CONNECTIONS)];
  const pace = ['--rps', (rate / CONNECTIONS).toFixed(2), '--log-file', log];
  await run([...words, ...pace, ...client(k), `http://127.0.0.1:${port}/articles/bench.html`]);
  // h2load(1): the time it was sent at, the status, and what it took, in µs, with tabs between.
  return readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => {
      const [, status, took] = line.split('\t');
      if (status !== '200') throw new Error(`an answer to h2load has status ${status}`);
      return Number(took) / 1000;
    });
}

/** What was negotiated, with the load. */
export interface SecureLoad extends Load {
  protocol: string;
}

/** Requests over TLS and HTTP/2 for `seconds`. Throws when one fails, or another protocol is spoken. */
export async function h2loadSecure(port: number, seconds: number): Promise<SecureLoad> {
  const words = ['-D', String(seconds), '-c', String(CONNECTIONS), '-m', String(STREAMS)];
  const outputs = await clients((k) =>
    run([...words, ...client(k), `https://127.0.0.1:${port}/articles/bench.html`]),
  );
  const loads = outputs.map(parseLoad);
  const answered = loads.reduce((sum, one) => sum + one.answered, 0);
  return { answered, seconds: loads[0]?.seconds ?? NaN, protocol: loads[0]?.protocol ?? '' };
}

/** Reads what h2load says at its end. Throws when a request failed, or HTTP/2 was not spoken. */
export function parseLoad(output: string): SecureLoad {
  const word = (pattern: RegExp): string => pattern.exec(output)?.[1] ?? '';
  const seconds = Number(word(/^finished in ([\d.]+)s,/m));
  const [, answered, failed, errored, late] =
    /^requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout$/m.exec(output)?.map(Number) ??
    [];
  const good = Number(word(/^status codes: (\d+) 2xx/m));
  const spoken = word(/^Application protocol: (\S+)$/m);
  if (!answered || spoken !== 'h2' || (failed ?? 1) + (errored ?? 1) + (late ?? 1) > 0 || good < answered)
    throw new Error(`h2load did not go well:\n${output}`);
  const protocol = `${word(/^TLS Protocol: (\S+)$/m)} ${word(/^Cipher: (\S+)$/m)} ${spoken}`;
  return { answered, seconds, protocol };
}

/** The headers of client `k`. */
const client = (k: number): string[] => [
  ...['-H', `X-Forwarded-For: ${clientAddress(k)}`],
  ...['-H', 'Referer: https://www.example.com/'],
  ...['-H', `User-Agent: ${BROWSER['User-Agent']}`],
];

/** Runs h2load; answers what it says. */
async function run(words: readonly string[]): Promise<string> {
  const [program = 'h2load', ...args] = [...OTHER_CORES, 'h2load', ...words];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (output += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`h2load failed:\n${output}`);
  return output;
}
