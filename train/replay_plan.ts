/** Log → plan: which requests of it to send, and when. */
import { clientKey } from '../scorer/key.ts';
import type { LogRow } from './line.ts';
import { readLogs, type LogSummary } from './parse.ts';

export interface Range {
  /** Unix seconds, the first included, the second not; either may be infinite. */
  from: number;
  to: number;
}
export interface Planned {
  /** Seconds from the start of the plan, at the log's own pace. */
  at: number;
  /** The client key: what the verdict is about. */
  key: string;
  row: LogRow;
}
export interface Plan {
  /** The log's time at which the plan begins: a whole second. */
  from: number;
  /** How long it takes at the log's own pace. */
  seconds: number;
  requests: Planned[];
  /** Requests of the range that cannot be sent, by reason. */
  skipped: Record<string, number>;
  log: LogSummary;
}
/** A range or an option that cannot be used. */
export class PlanError extends Error {}

/** `10m`, `90s`, `1h` as seconds. */
export function parseDuration(text: string): number {
  const m = /^([1-9]\d{0,6})([smh])$/.exec(text);
  if (m === null) throw new PlanError(`--busiest ${text}: not a duration; write for example 90s, 10m or 1h`);
  return Number(m[1]) * (m[2] === 'h' ? 3600 : m[2] === 'm' ? 60 : 1);
}

/** A moment with its zone, since a log seldom has this machine's, as Unix seconds. */
export function parseMoment(option: string, text: string): number {
  const zoned = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)? ?(Z|[+-]\d\d:?\d\d)$/.test(text);
  const time = zoned ? Date.parse(text.replace(' ', 'T').replace(' ', '')) : NaN;
  if (Number.isNaN(time))
    throw new PlanError(
      `${option} ${text}: not a time with its zone; write for example 2019-10-15T11:40:00+02:00`,
    );
  return Math.floor(time / 1000);
}

/** The span of `seconds` in which the log has the most requests; the earliest of several. Reads the log once. */
export async function busiest(file: string, seconds: number): Promise<Range> {
  if (file === '-')
    throw new PlanError(
      '--busiest reads the log twice, which standard input cannot; give a file, or --from and --to',
    );
  const counts = new Map<number, number>();
  await readLogs([file], ({ time }) => counts.set(time, (counts.get(time) ?? 0) + 1));
  const times = [...counts.keys()].sort((a, b) => a - b);
  let best = { from: times[0] ?? 0, hits: 0 };
  let hits = 0;
  let last = 0;
  for (const from of times) {
    for (; last < times.length && (times[last] as number) < from + seconds; last++)
      hits += counts.get(times[last] as number) as number;
    if (hits > best.hits) best = { from, hits };
    hits -= counts.get(from) as number;
  }
  return { from: best.from, to: best.from + seconds };
}

/** Why a request of the log cannot be sent through the gateway so that it counts; null if it can. */
function unsendable(row: LogRow, key: string | null): string | null {
  if (key === null) return 'the client is no address';
  // nginx answers these itself, before its access phase: no client was ever judged by them.
  if (!/^[A-Z_-]+$/.test(row.method)) return 'not an HTTP request';
  if (row.method === 'CONNECT' || row.method === 'TRACE') return `${row.method}, which nginx refuses`;
  if (!/^(\/|https?:\/\/[^/])/i.test(row.target)) return 'the target is neither a path nor a URL';
  return null;
}

/**
 * Sorts by time, keeping the log's order within a second, and spreads the requests of each evenly over it. A log that
 * knows milliseconds says itself when each came.
 */
export function spread(requests: Planned[], from: number): void {
  requests.sort((a, b) => a.row.time - b.row.time);
  for (let start = 0, end = 0; start < requests.length; start = end) {
    const { time } = (requests[start] as Planned).row;
    while (end < requests.length && (requests[end] as Planned).row.time === time) end++;
    for (let i = start; i < end; i++)
      (requests[i] as Planned).at = time - from + (Number.isInteger(time) ? (i - start) / (end - start) : 0);
  }
}

/**
 * @throws LogError when the log cannot be used, PlanError when nothing of it is in the range
 */
export async function plan(file: string, range: Range): Promise<Plan> {
  const requests: Planned[] = [];
  const skipped: Record<string, number> = {};
  const span = { first: Infinity, last: -Infinity };
  const log = await readLogs([file], (row) => {
    span.first = Math.min(span.first, row.time);
    span.last = Math.max(span.last, row.time);
    if (row.time < range.from || row.time >= range.to) return;
    const key = clientKey(row.client);
    const reason = unsendable(row, key);
    if (reason !== null || key === null) skipped[reason ?? ''] = (skipped[reason ?? ''] ?? 0) + 1;
    else requests.push({ at: 0, key, row });
  });
  if (requests.length === 0) {
    const held = `${iso(span.first)} to ${iso(span.last)}`;
    throw new PlanError(
      `${file}: no request of the log that can be sent is in this range; the log holds ${held}`,
    );
  }
  const from = Math.max(range.from, span.first);
  const to = Math.min(range.to, span.last + 1);
  spread(requests, from);
  return { from, seconds: to - from, requests, skipped, log };
}

export const iso = (time: number): string => new Date(time * 1000).toISOString().replace('.000', '');
