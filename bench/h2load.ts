/** h2load at a fixed rate, with its log file: what each request took. h2load sends one set of headers, so several run. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { clientAddress } from './drive.ts';
import { OTHER_CORES } from './stand.ts';

/** Clients, each an h2load of its own, and connections of each. */
const CLIENTS = 8;
const CONNECTIONS = 4;

/** `rate` requests a second for `seconds`; answers what each took, in ms, sorted. */
export async function h2load(
  folder: string,
  port: number,
  rate: number,
  seconds: number,
): Promise<Float64Array> {
  const all = await Promise.all(
    Array.from({ length: CLIENTS }, (_, k) => one(folder, port, rate / CLIENTS, seconds, k)),
  );
  return Float64Array.from(all.flat()).sort();
}

async function one(
  folder: string,
  port: number,
  rate: number,
  seconds: number,
  k: number,
): Promise<number[]> {
  const log = join(folder, `h2load-${k}.log`);
  rmSync(log, { force: true });
  const words = ['h2load', '--h1', '-n', String(Math.round(rate * seconds)), '-c', String(CONNECTIONS)];
  const paced = ['--rps', (rate / CONNECTIONS).toFixed(2), '--log-file', log];
  const headers = ['-H', `X-Forwarded-For: ${clientAddress(k)}`, '-H', 'Referer: https://www.example.com/'];
  const to = `http://127.0.0.1:${port}/articles/bench.html`;
  const [program = 'h2load', ...args] = [...OTHER_CORES, ...words, ...paced, ...headers, to];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (output += data.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`h2load failed:\n${output}`);
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
