/** Plan → gateway: sends each request when its time comes. */
import http from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LogRow } from './line.ts';
import type { Planned } from './replay_plan.ts';

/** What came of one request. `failed` is null, or why its user would have been let down. */
export interface Outcome {
  /** When it was due, by performance.now(), ms. */
  due: number;
  status: number | null;
  tier: string | null;
  failed: string | null;
  /** Sent again on a new connection, after a kept-alive one had closed without a byte of an answer. */
  again: boolean;
}
export interface SendOptions {
  gateway: URL;
  /** 1 is the log's own pace. */
  speed: number;
  /** Ends the sending early; what is under way is waited for. */
  signal: AbortSignal;
  onDone: (planned: Planned, outcome: Outcome) => void;
}

// What backends/app.ts obeys.
const [LEAST_STATUS, MOST_STATUS, MOST_BYTES] = [200, 599, 10 * 1024 * 1024];
const SOCKETS = 128;
const DEADLINE_MS = 30_000;
// Below the 60 s and more after which gateways close idle connections, so that it is this side that closes.
const IDLE_MS = 20_000;
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PROPFIND']); // RFC 9110 §9.2.2, RFC 4918 §9.1

class ClosedUnused extends Error {}

/** node:http writes header fields as Latin-1: one character per byte. */
const wire = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
const field = (text: string): string => wire(text).replace(/[\x00-\x1f\x7f]/g, ' ');
/** Percent-encodes blanks and controls, which nginx refuses, and bytes beyond ASCII, which the demo backend does. */
const target = (text: string): string =>
  wire(text).replace(
    /[^\x21-\x7e]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );

/** The header fields that make one request of the log. Its body is not in the log, so none is sent. */
export function headersOf(row: LogRow): Record<string, string> {
  const headers: Record<string, string> = { 'X-Forwarded-For': row.client };
  if (row.status >= LEAST_STATUS && row.status <= MOST_STATUS) headers['X-Demo-Status'] = String(row.status);
  headers['X-Demo-Bytes'] = String(Math.min(row.bytes, MOST_BYTES));
  if (row.referer !== '') headers['Referer'] = field(row.referer);
  if (row.userAgent !== '') headers['User-Agent'] = field(row.userAgent);
  if (row.method !== 'GET' && row.method !== 'HEAD') headers['Content-Length'] = '0';
  return headers;
}

interface Answer {
  status: number;
  tier: string | null;
}

function once(agent: http.Agent, gateway: URL, row: LogRow): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      agent,
      host: gateway.hostname.replace(/^\[|\]$/g, ''),
      port: gateway.port === '' ? 80 : Number(gateway.port),
      path: target(row.target),
      method: row.method,
      headers: headersOf(row),
    });
    let before = 0;
    const timer = setTimeout(() => request.destroy(new Error('no answer within 30 s')), DEADLINE_MS);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      const unused = request.reusedSocket && request.socket?.bytesRead === before;
      reject(unused ? new ClosedUnused(error.message) : error);
    };
    request.on('socket', (socket) => (before = socket.bytesRead));
    request.on('error', fail);
    request.on('response', (response) => {
      response.on('error', () => undefined);
      response.resume();
      response.on('close', () => {
        clearTimeout(timer);
        const tier = response.headers['x-tier'];
        if (!response.complete) reject(new Error('truncated answer'));
        else resolve({ status: response.statusCode ?? 0, tier: typeof tier === 'string' ? tier : null });
      });
    });
    request.end();
  });
}

async function sendOne(
  agents: [http.Agent, http.Agent],
  gateway: URL,
  row: LogRow,
): Promise<Omit<Outcome, 'due'>> {
  let again = false;
  try {
    const answer = await once(agents[0], gateway, row).catch((error: unknown) => {
      if (!(error instanceof ClosedUnused) || !IDEMPOTENT.has(row.method)) throw error;
      again = true;
      return once(agents[1], gateway, row);
    });
    // A 5xx that the log holds too is what was asked for.
    const failed = answer.status >= 500 && answer.status !== row.status ? `status ${answer.status}` : null;
    return { ...answer, failed, again };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { status: null, tier: null, failed: code ?? message, again };
  }
}

/** Sends the requests, in the order of `at`, and returns when all are answered or have failed. */
export async function send(requests: readonly Planned[], options: SendOptions): Promise<void> {
  const { gateway, speed, signal, onDone } = options;
  const kept = new http.Agent({ keepAlive: true, maxSockets: SOCKETS, timeout: IDLE_MS });
  const fresh = new http.Agent({ keepAlive: false });
  const pending = new Set<Promise<void>>();
  const started = performance.now();
  try {
    for (const planned of requests) {
      const due = started + (planned.at * 1000) / speed;
      const wait = due - performance.now();
      if (wait > 1) await sleep(wait, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      const one = sendOne([kept, fresh], gateway, planned.row).then((outcome) =>
        onDone(planned, { due, ...outcome }),
      );
      pending.add(one);
      void one.finally(() => pending.delete(one));
    }
    await Promise.all(pending);
  } finally {
    kept.destroy();
    fresh.destroy();
  }
}
