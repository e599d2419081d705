/**
 * One line of an access log → a row. Formats, told apart line by line: common and combined of nginx and Apache, the
 * same behind a virtual host's name (Apache's vhost_combined), and the gateway's own JSON (config/nginx_log.ts).
 *
 * https://httpd.apache.org/docs/2.4/logs.html#accesslog, https://nginx.org/en/docs/http/ngx_http_log_module.html
 *
 * Read by position and not by one regular expression: logs have millions of lines, and this is four times as fast.
 */
import { isIP } from 'node:net';
import { parseJsonLine } from './line_json.ts';

/** One request of a log. Texts are unescaped and decoded as UTF-8; a referer or agent of `-` is ''. */
export interface LogRow {
  /** When it arrived, Unix seconds: whole, but for the gateway's own log. */
  time: number;
  /** Seconds until it was answered; 0 where the log does not say. */
  duration: number;
  /** As logged: normally an address. */
  client: string;
  /** '' if what came was no HTTP request at all (TLS on a plain port, say); `target` is then all that was logged. */
  method: string;
  target: string;
  /** `HTTP/1.1`; '' for HTTP/0.9 and for what was no request. */
  protocol: string;
  status: number;
  /** As logged: of the response's body, in the gateway's own log with its header; `-` is 0. */
  bytes: number;
  referer: string;
  userAgent: string;
  /** Only in the gateway's own log: nginx answered it before the gateway saw it. */
  refused?: true;
}

export const EXPECTED =
  "the common or combined log format of nginx or Apache, or the gateway's own JSON, for example: " +
  '192.0.2.7 - - [18/Oct/2019:14:23:02 +0200] "GET /a.css HTTP/1.1" 200 1457 "-" "Mozilla/5.0"';
const TIME =
  /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60) ([+-])(\d\d)([0-5]\d)$/;
const TIME_CHARS = 26;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** Nearly all have one of METHODS, the same text each time. */
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** At the end of a request line. Nearly all have one of these, which are found faster. */
const PROTOCOLS = ['HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0'];
const PROTOCOL = /HTTP\/\d(?:\.\d)?$/;
const METHODS = ['GET', 'POST'];
const NEEDS_DECODING = /[\\\x80-\xff]/;

/** `18/Oct/2019:14:23:02 +0200` as Unix seconds; NaN if it is no such time. */
export function parseTime(text: string): number {
  const m = TIME.exec(text);
  if (m === null) return NaN;
  const [, day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes] = m;
  const index = MONTHS.indexOf(month ?? '');
  const midnight = new Date(Date.UTC(Number(year), index, Number(day)));
  if (index < 0 || midnight.getUTCDate() !== Number(day)) return NaN;
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * (sign === '-' ? -60 : 60);
  return midnight.getTime() / 1000 + Number(hour) * 3600 + Number(minute) * 60 + Number(second) - zone;
}

const two = (line: string, at: number): number =>
  10 * (line.charCodeAt(at) - 48) + line.charCodeAt(at + 1) - 48;

let lastDay = '';
let lastZone = '';
let lastMidnight = NaN;
/** As parseTime, of the text at `from`. A log has the same day and zone on many lines in a row. */
function timeAt(line: string, from: number): number {
  const [h, m, s] = [from + 12, from + 15, from + 18];
  if (!line.startsWith(lastDay, from) || !line.startsWith(lastZone, from + 20) || lastDay === '') {
    const text = line.slice(from, from + TIME_CHARS);
    lastMidnight = parseTime(`${text.slice(0, 11)}:00:00:00${text.slice(20)}`);
    lastDay = text.slice(0, 12);
    lastZone = text.slice(20);
    if (Number.isNaN(lastMidnight)) lastDay = '';
  }
  for (let i = h; i <= s; i += 3) {
    const [tens, ones, behind] = [line.charCodeAt(i), line.charCodeAt(i + 1), line.charCodeAt(i + 2)];
    if (tens < 48 || tens > 54 || ones < 48 || ones > 57 || behind !== (i === s ? 32 : 58)) return NaN;
  }
  const [hour, minute, second] = [two(line, h), two(line, m), two(line, s)];
  if (hour > 23 || minute > 59 || second > 60) return NaN;
  return lastMidnight + 3600 * hour + 60 * minute + second;
}

/**
 * Only what both servers escape without ambiguity. Apache's \n, \t and so on stay as they are: its version 1.3 did
 * not escape backslashes, so `GET /?c:\boot.ini` in an old log is just that.
 */
function unescape(text: string): string {
  const bytes = text.replace(
    /\\(?:x([0-9A-Fa-f]{2})|(["\\]))/g,
    (_, hex: string | undefined, char: string) =>
      hex === undefined ? char : String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Where the quoted text that begins at `from` (behind its quote) ends; -1 if it does not. */
function closing(line: string, from: number): number {
  for (let end = line.indexOf('"', from); end >= 0; end = line.indexOf('"', end + 1)) {
    let slashes = 0;
    while (end - slashes > from && line.charCodeAt(end - slashes - 1) === 92 /* \ */) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return -1;
}

/** Where the bracket before the time is: the first that has one behind it where the time must end. */
function bracket(line: string): number {
  let at = line.indexOf(' [');
  while (at >= 0 && line.charCodeAt(at + 2 + TIME_CHARS) !== 93 /* ] */) at = line.indexOf(' [', at + 1);
  return at;
}

/**
 * The client of what stands before the time: `client ident user`, or `vhost client ident user`. The first is a virtual
 * host where an address comes second: an identity (RFC 1413) is never one.
 */
function clientOf(line: string, end: number): string {
  const first = line.indexOf(' ');
  if (first <= 0 || first >= end) return '';
  if (line.charCodeAt(first + 1) !== 45 /* - */) {
    const second = line.slice(first + 1, Math.min(end, line.indexOf(' ', first + 1)));
    if (isIP(second) > 0) return second;
  }
  return line.slice(0, first);
}

/** A whole number of digits alone, or NaN. */
function digits(line: string, from: number, to: number): number {
  let value = to > from ? 0 : NaN;
  for (let i = from; i < to; i++) {
    const digit = line.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return NaN;
    value = 10 * value + digit;
  }
  return value;
}

/** The text of a field, unescaped; '' where the log has "-". */
function field(line: string, from: number, to: number, plain: boolean): string {
  if (to <= from || (to === from + 1 && line.charCodeAt(from) === 45) /* - */) return '';
  return plain ? line.slice(from, to) : unescape(line.slice(from, to));
}

/** Splits a request line. Targets may hold blanks, which browsers of old sent. */
function request(text: string): Pick<LogRow, 'method' | 'target' | 'protocol'> {
  const first = text.indexOf(' ');
  const known = METHODS.find((method) => method.length === first && text.startsWith(method));
  const method = known ?? text.slice(0, Math.max(0, first));
  if (known === undefined && !METHOD.test(method)) return { method: '', target: text, protocol: '' };
  const protocol = PROTOCOLS.find((known) => text.endsWith(known)) ?? PROTOCOL.exec(text)?.[0] ?? '';
  const last = text.length - protocol.length - 1;
  const versioned = protocol !== '' && last > first && text.charCodeAt(last) === 32;
  const target = text.slice(first + 1, versioned ? last : text.length);
  if (target === '' || /^\s/.test(target)) return { method: '', target: text, protocol: '' };
  return { method, target, protocol: versioned ? protocol : '' };
}

/**
 * @param line one line, its bytes as Latin-1 (so that nothing is lost before escapes are undone)
 * @returns null if the line fits none of the formats
 */
export function parseLine(line: string): LogRow | null {
  if (line.charCodeAt(0) === 123 /* { */) return parseJsonLine(line);
  const open = bracket(line);
  const from = open + 2 + TIME_CHARS + 3; // behind `] "`
  if (open < 0 || line.charCodeAt(from - 1) !== 34 /* " */ || line.charCodeAt(from - 2) !== 32) return null;
  const client = clientOf(line, open);
  const time = timeAt(line, open + 2);
  const end = closing(line, from);
  if (client === '' || Number.isNaN(time) || end < 0) return null;
  const sizeEnd = endOfWord(line, end + 6);
  const dash = line.charCodeAt(end + 6) === 45 && sizeEnd === end + 7;
  const status = digits(line, end + 2, end + 5);
  const bytes = dash ? 0 : digits(line, end + 6, sizeEnd);
  if (line.charCodeAt(end + 1) !== 32 || line.charCodeAt(end + 5) !== 32 || Number.isNaN(status + bytes))
    return null;
  const plain = !NEEDS_DECODING.test(line);
  const { method, target, protocol } = request(field(line, from, end, plain));
  const [duration, referer, userAgent] = [0, '', ''];
  const row: LogRow = { time, duration, client, method, target, protocol, status, bytes, referer, userAgent };
  return line.charCodeAt(sizeEnd + 1) !== 34 || readHeaders(line, sizeEnd + 2, row, plain) ? row : null;
}

const endOfWord = (line: string, from: number): number => {
  const end = line.indexOf(' ', from);
  return end < 0 ? line.length : end;
};

/**
 * Referer and agent, the first of which begins at `from`. What follows the agent (nginx's "$http_x_forwarded_for",
 * durations…) is left alone.
 */
function readHeaders(line: string, from: number, row: LogRow, plain: boolean): boolean {
  const end = closing(line, from);
  if (end < 0 || !line.startsWith('" "', end)) return false;
  const last = closing(line, end + 3);
  if (last < 0 || (last + 1 < line.length && line.charCodeAt(last + 1) !== 32)) return false;
  row.referer = field(line, from, end, plain);
  row.userAgent = field(line, end + 3, last, plain);
  return true;
}
