/**
 * Logs → requests in the order in which they arrived. Several logs are merged by time as they are read; no more lines
 * are held than putting late ones into their place needs.
 */
import { HASTY_S, longAgo, noPages, type Pages } from '../scorer/form.ts';
import { looksOf, type Look } from '../scorer/observations.ts';
import { Queue } from './backtest_queue.ts';
import type { LogRow } from './line.ts';
import { clients, NO_ADDRESS, type Who } from './logs.ts';
import { newSummary, rowsOf, type LogSummary } from './parse.ts';
import { unseen } from './unseen.ts';

export interface Arrival {
  client: Who;
  /** Its place among the lines that count, from 0, in the log's order. */
  place: number;
  /** As logged, Unix seconds. */
  time: number;
  /** When it arrives on the virtual clock, ms. */
  at: number;
  /** When its answer has ended, ms. */
  ends: number;
  status: number;
  bytes: number;
  /** What it adds when it arrives, and when it ends. */
  arrived: Look;
  answered: Look;
}
export interface Source {
  summary: LogSummary;
  /** Lines left out, by reason. */
  left: Map<string, number>;
  /** Lines that came more than SLACK_S after a later one: they are taken as arriving then. */
  late: number;
}

/**
 * How far lines may be out of order. Apache dates a line by the request's arrival and writes it when it has ended; its
 * own Timeout is 60 s.
 */
export const SLACK_S = 60;

export const newSource = (): Source => ({ summary: newSummary(), left: new Map(), late: 0 });

interface Reader {
  rows: AsyncGenerator<LogRow[]>;
  batch: LogRow[];
  at: number;
}

const timeOf = ({ batch, at }: Reader): number => (batch[at] as LogRow).time;

async function fill(reader: Reader): Promise<boolean> {
  while (reader.at >= reader.batch.length) {
    const next = await reader.rows.next();
    if (next.done === true) return false;
    reader.batch = next.value;
    reader.at = 0;
  }
  return true;
}

/** The rows of several logs, merged by time; each log's own order is kept. */
async function* merged(files: readonly string[], summary: LogSummary): AsyncGenerator<LogRow[]> {
  let readers: Reader[] = [];
  for (const file of files) {
    const reader = { rows: rowsOf(file, summary), batch: [], at: 0 };
    if (await fill(reader)) readers.push(reader);
  }
  while (readers.length > 0) {
    let [first] = readers as [Reader];
    for (const reader of readers) if (timeOf(reader) < timeOf(first)) first = reader;
    const others = readers.filter((reader) => reader !== first);
    // Of equal times the log that was named first comes first, wherever the pieces that are read end.
    const before = readers.indexOf(first);
    let until = Infinity;
    others.forEach((reader, i) => (until = Math.min(until, timeOf(reader) - (i < before ? 1e-4 : 0))));
    const from = first.at;
    while (first.at < first.batch.length && timeOf(first) <= until) first.at++;
    yield first.batch.slice(from, first.at);
    if (first.at >= first.batch.length && !(await fill(first))) readers = others;
  }
}

/** A line that is not due yet. */
interface Waiting {
  client: Who;
  place: number;
  row: LogRow;
}

/** The requests in `waiting` that are due, those of one whole second spread evenly over it. */
function due(waiting: Queue<Waiting>, before: number, pages: LastPages): Arrival[] {
  const out: Arrival[] = [];
  while (waiting.next < before) {
    const time = waiting.next;
    const now: Waiting[] = [];
    while (waiting.next === time) now.push(waiting.take());
    now.forEach((one, i) => {
      // A log in milliseconds knows itself when each came.
      const at = 1000 * time + (Number.isInteger(time) ? Math.floor((1000 * i) / now.length) : 0);
      out.push(arrivalOf(one, at, pages));
    });
  }
  return out;
}

function arrivalOf({ client, place, row }: Waiting, at: number, pages: LastPages): Arrival {
  const { time, status, bytes, duration } = row;
  const [arrived, answered] = looksOf(row, status, pages.of(client.number, time), time);
  return { client, place, time, at, ends: at + 1000 * duration, status, bytes, arrived, answered };
}

/** The last pages of the clients that were seen of late; of others only that they have asked for some is of use. */
class LastPages {
  readonly #asked = new Set<number>();
  #until = -Infinity;
  #now = new Map<number, Pages>();
  #before = new Map<number, Pages>();

  /** @param client its number */
  of(client: number, time: number): Pages {
    if (time >= this.#until) {
      for (const [one, { at }] of this.#before) if (at > -Infinity) this.#asked.add(one);
      this.#before = this.#now;
      this.#now = new Map();
      this.#until = time + HASTY_S;
    }
    let pages = this.#now.get(client) ?? this.#before.get(client);
    pages ??= this.#asked.has(client) ? longAgo() : noPages();
    this.#now.set(client, pages);
    return pages;
  }
}

/**
 * @param source counts what is read
 * @throws LogError when a file cannot be read or none of its lines fits
 */
export async function* arrivals(files: readonly string[], source: Source): AsyncGenerator<Arrival[]> {
  const waiting = new Queue<Waiting>();
  const pages = new LastPages();
  const whoIs = clients();
  let place = 0;
  let newest = -Infinity;
  for await (const rows of merged(files, source.summary)) {
    for (const row of rows) {
      const client = whoIs(row.client);
      const reason = client === null ? NO_ADDRESS : unseen(row);
      if (client === null || reason !== null) {
        source.left.set(reason ?? NO_ADDRESS, (source.left.get(reason ?? NO_ADDRESS) ?? 0) + 1);
        continue;
      }
      const { time } = row;
      if (time > newest) newest = time;
      const late = time < newest - SLACK_S;
      if (late) source.late += 1;
      waiting.add(late ? newest - SLACK_S : time, { client, place: place++, row });
    }
    if (waiting.next < newest - SLACK_S) yield due(waiting, newest - SLACK_S, pages);
  }
  yield due(waiting, Infinity, pages);
}
