/**
 * An open-loop load generator that counts failures as the project defines them: a request is failed if its client
 * got 5xx, a truncated answer, or nothing after one retry on a new connection (RFC 9110 §9.2.2 lets a client retry an
 * idempotent request when a connection closes before any answer byte).
 */
import { performance } from 'node:perf_hooks';
import { Closed, Wires, type Answer, type Target } from './wire.ts';

export interface LoadOptions {
  port: number;
  /** Requests per second, sent evenly whatever the answers do. */
  rate: number;
  seconds: number;
  /** The k-th request, from 0. */
  request: (k: number) => Target;
  /** Called with each answer; `ms` from sending. */
  onAnswer?: (k: number, answer: Answer, ms: number) => void;
  connections?: number;
  /** Over TLS, believing these certificates (PEM). */
  ca?: readonly string[];
  /** Where it is counted, so that it can be read meanwhile. */
  into?: LoadResult;
}
export interface LoadResult {
  sent: number;
  answered: number;
  /** Failed requests by reason; empty when none failed. */
  failed: Record<string, number>;
  /** Connections that closed before any answer byte; the request was sent again, once, on a new one. */
  closed: number;
  /** Requests by X-Tier of their answer. */
  tiers: Record<string, number>;
}

const WITHIN_MS = 10_000;

export const noLoad = (): LoadResult => ({ sent: 0, answered: 0, failed: {}, closed: 0, tiers: {} });

/** Sends `rate` requests a second for `seconds`, then waits for what is under way. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { ca, connections = 100, into: result = noLoad() } = options;
  const wires = new Wires(options.port, connections, ca);
  const count = (table: Record<string, number>, name: string): void => {
    table[name] = (table[name] ?? 0) + 1;
  };
  const one = async (k: number): Promise<void> => {
    const target = options.request(k);
    const started = performance.now();
    try {
      const answer = await wires.ask(target, WITHIN_MS).catch((error: unknown) => {
        if (!(error instanceof Closed)) throw error;
        result.closed++;
        return wires.ask(target, WITHIN_MS, true);
      });
      result.answered++;
      if (answer.status >= 500) count(result.failed, `status ${answer.status}`);
      count(result.tiers, String(answer.headers['x-tier'] ?? 'none'));
      options.onAnswer?.(k, answer, performance.now() - started);
    } catch (error) {
      count(result.failed, (error as Error).message);
    }
  };
  await paced(options, result, one);
  wires.end();
  return result;
}

async function paced(
  options: LoadOptions,
  result: LoadResult,
  one: (k: number) => Promise<void>,
): Promise<void> {
  const started = performance.now();
  const total = Math.round(options.rate * options.seconds);
  const pending = new Set<Promise<void>>();
  while (result.sent < total) {
    const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * options.rate) + 1);
    while (result.sent < due) {
      const promise = one(result.sent++);
      pending.add(promise);
      void promise.finally(() => pending.delete(promise));
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(pending);
}
