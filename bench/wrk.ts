/** Runs wrk with bench/wrk.lua. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { root } from '../config/paths.ts';
import { OTHER_CORES } from './stand.ts';

export const CONNECTIONS = 64;
const NEW_CONNECTIONS = 512;

export interface WrkOptions {
  port: number;
  clients: number;
  seconds: number;
  /** The request to start with when clients come in order, each twice; without it they are drawn at random. */
  from?: number;
}

/** What wrk says: requests that it sent and that were answered, seconds, and failures of any kind. */
export interface WrkResult {
  sent: number;
  answered: number;
  seconds: number;
  p50_ms: number;
  p99_ms: number;
  errors: number;
}

const running = new Set<ReturnType<typeof spawn>>();

/** Ends what is running: for a bench that is interrupted. */
export function stopWrk(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Runs wrk once. Throws when it fails or does not say what it counted. */
export async function wrk({ port, clients, seconds, from }: WrkOptions): Promise<WrkResult> {
  const script = join(root, 'bench/wrk.lua');
  // Who comes in order is new and waits for a verdict: with more at a time, batches are larger.
  const connections = from === undefined ? CONNECTIONS : NEW_CONNECTIONS;
  const words = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script];
  const to = [`http://127.0.0.1:${port}/`, String(clients), ...(from === undefined ? [] : [String(from)])];
  const [program = 'wrk', ...args] = [...OTHER_CORES, ...words, ...to];
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (output += data.toString()));
  await once(child, 'close');
  running.delete(child);
  const result = /^RESULT (\{.*\})$/m.exec(output)?.[1];
  if (result === undefined) throw new Error(`wrk did not say what it counted:\n${output}`);
  return JSON.parse(result) as WrkResult;
}
