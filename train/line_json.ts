/** A line of the gateway's own log (config/nginx_log.ts) → a row. */
import type { LogRow } from './line.ts';

/** Origins of requests that are no hits: nginx refused them, an access list did, or they were sent on to https. */
const UNCOUNTED = new Set<unknown>(['', 'denied', 'redirected']);

/** Unix seconds. */
const YEAR_10000 = 253_402_300_800;

type Fields = Record<string, unknown>;

const textOf = (fields: Fields, name: string): string => {
  const value = fields[name];
  return typeof value === 'string' && value !== '-' ? value : '';
};
const numberOf = (fields: Fields, name: string): number => {
  const value = fields[name];
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : NaN;
};

function read(line: string): Fields | null {
  // Bytes came as Latin-1; what nginx escapes as JSON is UTF-8.
  const text = /[\x80-\xff]/.test(line) ? Buffer.from(line, 'latin1').toString('utf8') : line;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Fields) : null;
  } catch {
    return null;
  }
}

/** @returns null if the line is no JSON, or lacks a field that a row needs */
export function parseJsonLine(line: string): LogRow | null {
  const fields = read(line);
  if (fields === null) return null;
  const [ended, status, bytes] = ['timestamp', 'status', 'bytes'].map((name) => numberOf(fields, name)) as [
    number,
    number,
    number,
  ];
  const duration = fields['duration_s'] === undefined ? 0 : numberOf(fields, 'duration_s');
  const client = textOf(fields, 'client');
  if (client === '' || Number.isNaN(ended + status + bytes + duration)) return null;
  if (ended < duration || ended >= YEAR_10000 || !Number.isInteger(status) || status > 999) return null;
  return {
    // nginx writes a line when the response has ended; to the millisecond, which a difference of floats is not
    time: Math.round((ended - duration) * 1000) / 1000,
    duration,
    client,
    method: textOf(fields, 'method'),
    target: textOf(fields, 'uri'),
    protocol: textOf(fields, 'protocol'),
    status,
    bytes,
    referer: textOf(fields, 'referer'),
    userAgent: textOf(fields, 'user_agent'),
    // The gateway says for every request where its verdict came from; one that it did not count has none.
    ...(UNCOUNTED.has(fields['origin']) ? { refused: true as const } : {}),
  };
}
