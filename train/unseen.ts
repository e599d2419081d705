/**
 * Lines of a log that no gateway would have judged: nginx answers them before a request exists, or before any phase in
 * which the gateway looks. They are left out of training and backtest: a browser that opens a connection in advance and
 * lets it time out leaves a 408, and an office full of them would look like a scanner.
 */
import type { LogRow } from './line.ts';

/** nginx's own for what it cannot read: header too large, certificate wrong or missing, plain HTTP to an HTTPS port. */
const BEFORE_A_REQUEST = new Set([408, 494, 495, 496, 497]);
/** What nginx's parser takes for a method (ngx_http_parse_request_line). */
const METHOD = /^[A-Z_-]+$/;

/** @returns why the line is left out; null if the gateway would have seen it */
export function unseen(row: LogRow): string | null {
  if (row.method === '') return row.target === '' ? 'no request line' : 'not an HTTP request';
  if (!METHOD.test(row.method)) return 'not an HTTP request';
  if (BEFORE_A_REQUEST.has(row.status)) return `answered ${row.status} before a request was read`;
  if (row.refused === true) return 'not counted by the gateway (refused, denied or redirected)';
  return null;
}
