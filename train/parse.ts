/** Reads access logs, plain or gzipped, from files or standard input. What a line may look like: line.ts. */
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { EXPECTED, parseLine, type LogRow } from './line.ts';

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

const SAMPLES = 5;
const SAMPLE_CHARS = 200;
const LINE_CHARS = 1 << 20;
/** Of UTF-8, as Windows writes it, in Latin-1. */
const BYTE_ORDER_MARK = '\xef\xbb\xbf';
/** Unpacked at a time: with the 16 KiB that zlib takes by itself, handing over costs more than unpacking. */
const PIECE_BYTES = 1 << 18;

/** The file's bytes, unpacked if they begin as gzip does (RFC 1952 §2.3.1), whatever the file is called. */
async function open(file: string): Promise<Readable> {
  // Not process.stdin, which in a worker thread is another one.
  const stdin = { fd: 0, autoClose: false };
  const source = createReadStream(file, { highWaterMark: PIECE_BYTES, ...(file === '-' ? stdin : {}) });
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
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES });
  all.on('error', (error) => gunzip.destroy(error));
  return all.pipe(gunzip);
}

/**
 * The lines of each piece that is read. Not node:readline, which takes twice the time; a line over 1 Mi characters is
 * cut there.
 */
async function* linesOf(stream: Readable): AsyncGenerator<string[]> {
  let [rest, begun] = ['', false];
  for await (const chunk of stream) {
    let text: string = rest + (chunk as Buffer).toString('latin1');
    if (!begun && text.startsWith(BYTE_ORDER_MARK)) text = text.slice(BYTE_ORDER_MARK.length);
    begun = true;
    const lines: string[] = [];
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      lines.push(text.charCodeAt(end - 1) === 13 ? text.slice(start, end - 1) : text.slice(start, end));
      start = end + 1;
    }
    rest = text.length - start > LINE_CHARS ? text.slice(start, start + LINE_CHARS) : text.slice(start);
    yield lines;
  }
  if (rest !== '') yield [rest];
}

export const newSummary = (): LogSummary => ({ files: [], rows: 0, unfit: 0, samples: [] });

/**
 * The rows of one log, as many at a time as a piece of the file holds.
 * @param file a path; `-` is standard input
 * @param summary counts what is read; the file itself is added when it has been read to its end
 * @throws LogError when the file cannot be read, or when none of its lines fits
 */
export async function* rowsOf(file: string, summary: LogSummary): AsyncGenerator<LogRow[]> {
  const name = file === '-' ? 'standard input' : file;
  const counted: LogFile = { file: name, rows: 0, unfit: 0 };
  let line = 0;
  const take = (text: string): LogRow | null => {
    line++;
    const row = parseLine(text);
    if (row !== null) counted.rows++;
    else if (text.trim() !== '') {
      counted.unfit++;
      if (summary.samples.length < SAMPLES)
        summary.samples.push({ file: name, line, text: text.slice(0, SAMPLE_CHARS) });
    }
    return row;
  };
  const stream = await open(file).catch((error: Error) => {
    throw unreadable(name, error);
  });
  stream.on('error', () => undefined); // it is thrown where the lines are taken
  try {
    for await (const lines of linesOf(stream)) {
      const rows: LogRow[] = [];
      for (const text of lines) {
        const row = take(text);
        if (row !== null) rows.push(row);
      }
      yield rows;
    }
  } catch (error) {
    throw stream.errored === error ? unreadable(name, error as Error) : error;
  }
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
  const summary = newSummary();
  for (const file of files) {
    for await (const rows of rowsOf(file, summary)) for (const row of rows) eachRow(row);
  }
  return summary;
}
