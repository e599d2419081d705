/**
 * Reads access logs: the combined and the common log format of nginx and Apache, plain or gzipped.
 *
 * https://httpd.apache.org/docs/2.4/logs.html#accesslog, https://nginx.org/en/docs/http/ngx_http_log_module.html
 */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

/** One request of a log. Texts are unescaped and decoded as UTF-8; a referer or agent of `-` is ''. */
export interface LogRow {
  /** Unix time in whole seconds. */
  time: number;
  /** As logged: normally an address. */
  client: string;
  /** '' if what came was no HTTP request at all (TLS on a plain port, say); `target` is then all that was logged. */
  method: string;
  target: string;
  /** `HTTP/1.1`; '' for HTTP/0.9 and for what was no request. */
  protocol: string;
  status: number;
  /** Of the response's body; `-` is 0. */
  bytes: number;
  referer: string;
  userAgent: string;
}
export interface LogFile {
  file: string;
  rows: number;
  /** Lines that did not fit the format. Blank lines are neither. */
  unfit: number;
}
export interface LogSummary {
  files: LogFile[];
  rows: number;
  unfit: number;
  /** The first five lines that did not fit, cut to 200 characters. */
  samples: { file: string; line: number; text: string }[];
}
/** A log that cannot be used. Codes: LOG_UNREADABLE, LOG_NOT_PARSED. */
export class LogError extends Error {
  readonly code: 'LOG_UNREADABLE' | 'LOG_NOT_PARSED';
  readonly file: string;
  constructor(code: LogError['code'], file: string, message: string) {
    super(message);
    this.code = code;
    this.file = file;
  }
}

const EXPECTED =
  'the common or combined log format of nginx or Apache, for example: ' +
  '192.0.2.7 - - [18/Oct/2019:14:23:02 +0200] "GET /a.css HTTP/1.1" 200 1457 "-" "Mozilla/5.0"';
const QUOTED = '"((?:[^"\\\\]|\\\\.)*)"';
// What follows the agent (nginx's "$http_x_forwarded_for", durations…) is left alone.
const LINE = new RegExp(
  `^(\\S+) \\S+ .*?\\[([^\\]]{26})\\] ${QUOTED} (\\d{3}) (\\d+|-)(?: ${QUOTED} ${QUOTED}(?= |$)|(?= [^"]|$))`,
);
const TIME =
  /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60) ([+-])(\d\d)([0-5]\d)$/;
const REQUEST = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S.*?)(?: (HTTP\/\d(?:\.\d)?))?$/s;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const SAMPLES = 5;
const SAMPLE_CHARS = 200;
const LINE_CHARS = 1 << 20;

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

let lastText = '';
let lastTime = NaN;
/** A log has the same second on many lines in a row. */
function timeOf(text: string): number {
  if (text !== lastText) {
    lastTime = parseTime(text);
    lastText = text;
  }
  return lastTime;
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

/**
 * @param line one line, its bytes as Latin-1 (so that nothing is lost before escapes are undone)
 * @returns null if the line does not fit the common or the combined log format
 */
export function parseLine(line: string): LogRow | null {
  const m = LINE.exec(line);
  if (m === null) return null;
  const time = timeOf(m[2] ?? '');
  if (Number.isNaN(time)) return null;
  const plain = !/[\\\x80-\xff]/.test(line);
  const text = (field: string | undefined): string =>
    field === undefined || field === '-' ? '' : plain ? field : unescape(field);
  const request = text(m[3]);
  const parts = REQUEST.exec(request);
  return {
    time,
    client: m[1] ?? '',
    method: parts?.[1] ?? '',
    target: parts?.[2] ?? request,
    protocol: parts?.[3] ?? '',
    status: Number(m[4]),
    bytes: m[5] === '-' ? 0 : Number(m[5]),
    referer: text(m[6]),
    userAgent: text(m[7]),
  };
}

/** The file's bytes, unpacked if they begin as gzip does (RFC 1952 §2.3.1), whatever the file is called. */
async function open(file: string): Promise<Readable> {
  const source: Readable = file === '-' ? process.stdin : createReadStream(file);
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head = Buffer.alloc(0);
  let done = false;
  while (head.length < 2 && !done) {
    const next = await chunks.next();
    if (next.done === true) done = true;
    else head = Buffer.concat([head, next.value]);
  }
  const all = Readable.from(
    (async function* () {
      if (head.length > 0) yield head;
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    })(),
  );
  if (head[0] !== 0x1f || head[1] !== 0x8b) return all;
  const gunzip = createGunzip();
  all.on('error', (error) => gunzip.destroy(error));
  return all.pipe(gunzip);
}

/** Calls `each` per line. Not node:readline, which takes twice the time; a line over 1 Mi characters is cut there. */
async function eachLine(stream: Readable, each: (line: string) => void): Promise<void> {
  let rest = '';
  for await (const chunk of stream) {
    const text: string = rest + (chunk as Buffer).toString('latin1');
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      each(text.charCodeAt(end - 1) === 13 ? text.slice(start, end - 1) : text.slice(start, end));
      start = end + 1;
    }
    rest = text.length - start > LINE_CHARS ? text.slice(start, start + LINE_CHARS) : text.slice(start);
  }
  if (rest !== '') each(rest);
}

async function readLog(file: string, eachRow: (row: LogRow) => void, summary: LogSummary): Promise<void> {
  const name = file === '-' ? 'standard input' : file;
  const counted: LogFile = { file: name, rows: 0, unfit: 0 };
  let line = 0;
  const take = (text: string): void => {
    line++;
    const row = parseLine(text);
    if (row !== null) {
      counted.rows++;
      eachRow(row);
    } else if (text.trim() !== '') {
      counted.unfit++;
      if (summary.samples.length < SAMPLES)
        summary.samples.push({ file: name, line, text: text.slice(0, SAMPLE_CHARS) });
    }
  };
  const stream = await open(file).catch((error: Error) => {
    throw unreadable(name, error);
  });
  // An error thrown by eachRow is the caller's own and must not be told as the file's.
  stream.on('error', () => undefined);
  await eachLine(stream, take).catch((error: Error) => {
    throw stream.errored === error ? unreadable(name, error) : error;
  });
  summary.files.push(counted);
  summary.rows += counted.rows;
  summary.unfit += counted.unfit;
  if (counted.rows > 0) return;
  const had = line === 0 ? 'the file is empty' : `none of its ${line} lines is one`;
  throw new LogError('LOG_NOT_PARSED', name, `${name}: no access log: ${had}; expected ${EXPECTED}`);
}

function unreadable(name: string, error: Error): LogError {
  return new LogError('LOG_UNREADABLE', name, `${name}: could not be read: ${error.message}`);
}

/**
 * Reads access logs one after the other, calling `eachRow` for each line that fits, in the files' order.
 * @param files paths; `-` is standard input
 * @throws LogError when a file cannot be read, or when none of its lines fits
 */
export async function readLogs(files: string[], eachRow: (row: LogRow) => void): Promise<LogSummary> {
  const summary: LogSummary = { files: [], rows: 0, unfit: 0, samples: [] };
  for (const file of files) await readLog(file, eachRow, summary);
  return summary;
}
