/**
 * A client's record: one packed string, the same in Redis (where count.lua and hold.lua read and write it) and in memory.
 *
 *   u8 lines · u8 tier (255: none) · u32 last · u8 hits · u8 buckets · u32 since, per line · u32 returned
 *   hits × (u8 second mod 256, u16 n), oldest first
 *   buckets × (u8 bucket mod 256, then per observation: count u16, bitmap u32 u32), oldest first
 *
 * Little endian. `last` is the second of the last report; everything else in the record is younger than 256 seconds
 * (buckets) before it, so one byte says when. A typical client has about 100 bytes, the busiest 750.
 */
import { BITMAPS, COUNTS, OBSERVATIONS, type Bitmap } from '../observations.ts';
import {
  BUCKET_S,
  WINDOW_S,
  addHits,
  addObserved,
  emptyBucket,
  emptyTrack,
  firstBucket,
  prune,
} from '../window.ts';
import type { Bucket, Track } from '../window.ts';
import { createHash } from 'node:crypto';
import type { Reported, Standing } from './store.ts';

const NO_TIER = 255;
/** Before the standing. */
export const HEAD = 8;
/** The standing of a record with so many lines: `since` of each, and `returned`. */
export const standingBytes = (lines: number): number => 4 * lines + 4;
export const HIT_BYTES = 3;
const MAX_16 = 0xffff;

/** One letter per observation: c(ount), b(itmap). count.lua derives from it where each stands. */
export const KINDS = OBSERVATIONS.map((o) => o.kind[0]).join('');
/** Records of another vocabulary or layout cannot be read: this stands in every key. */
export const VOCABULARY = createHash('sha256')
  .update(JSON.stringify([standingBytes(0), BUCKET_S, WINDOW_S, OBSERVATIONS.map((o) => [o.name, o.kind])]))
  .digest('hex')
  .slice(0, 6);
const WIDTHS = OBSERVATIONS.map((o) => (o.kind === 'count' ? 2 : 8));
/** Where an observation stands in a bucket. */
export const OFFSETS = new Map(
  OBSERVATIONS.map(({ name }, i) => [name, 1 + WIDTHS.slice(0, i).reduce((a, b) => a + b, 0)]),
);
export const BUCKET_BYTES = 1 + WIDTHS.reduce((a, b) => a + b, 0);

export interface ClientRecord {
  /** -1: none was stored. */
  tier: number;
  /** Second of the last report. */
  last: number;
  since: number[];
  returned: number;
  track: Track;
}

export const emptyRecord = (lines: number): ClientRecord => ({
  tier: -1,
  last: 0,
  since: new Array<number>(lines).fill(0),
  returned: 0,
  track: emptyTrack(),
});

/** The absolute value of a byte that was taken modulo 256 at or before `last`. */
export const before = (last: number, byte: number): number => last - ((last - byte) & 255);

/** Whether the parts of a record are as long as it says. */
export function isReadable(record: Buffer): boolean {
  if (record.length < HEAD) return false;
  const [lines, hits, buckets] = [record[0] as number, record[6] as number, record[7] as number];
  return record.length === HEAD + standingBytes(lines) + HIT_BYTES * hits + BUCKET_BYTES * buckets;
}

/** What a record's head says, without reading the rest. */
export function standingOf(record: Buffer, lines: number): Standing {
  const since = new Array<number>(lines).fill(0);
  const known = record.length >= HEAD + standingBytes(lines) && record[0] === lines && record[1] !== NO_TIER;
  if (!known) return { tier: -1, since, returned: 0 };
  for (let i = 0; i < lines; i++) since[i] = record.readUInt32LE(HEAD + 4 * i);
  return { tier: record[1] as number, since, returned: record.readUInt32LE(HEAD + 4 * lines) };
}

const tierByte = (tier: number): number => (tier < 0 ? NO_TIER : tier);

/** Writes `since` of each line and `returned`. @returns where what follows begins */
function putTimes(into: Buffer, at: number, { since, returned }: Standing): number {
  for (let i = 0; i < since.length; i++) into.writeUInt32LE(since[i] as number, at + 4 * i);
  return into.writeUInt32LE(returned, at + 4 * since.length);
}

/** Writes a standing as hold.lua reads it: the tier's byte and the times. @returns where what follows begins */
export function putStanding(into: Buffer, at: number, standing: Standing): number {
  into[at] = tierByte(standing.tier);
  return putTimes(into, at + 1, standing);
}

/** Writes a standing into a record that has room for so many lines. */
export function putHead(record: Buffer, standing: Standing): void {
  record[0] = standing.since.length;
  record[1] = tierByte(standing.tier);
  putTimes(record, HEAD, standing);
}

/**
 * @param lines how many lines the tiers have now; a record written with another number has lost its tier
 * @returns null if there is no record, or none that can be read
 */
export function decode(record: Buffer, lines: number): ClientRecord | null {
  if (!isReadable(record)) return null;
  const [had, hits, buckets] = [record[0] as number, record[6] as number, record[7] as number];
  const { tier, since, returned } = standingOf(record, lines);
  const decoded = { tier, last: record.readUInt32LE(2), since: [...since], returned, track: emptyTrack() };
  let at = HEAD + standingBytes(had);
  for (let i = 0; i < hits; i++, at += HIT_BYTES) {
    decoded.track.hits.push([before(decoded.last, record[at] as number), record.readUInt16LE(at + 1)]);
  }
  const lastBucket = Math.floor(decoded.last / BUCKET_S);
  for (let i = 0; i < buckets; i++, at += BUCKET_BYTES) {
    decoded.track.buckets.push(decodeBucket(record, at, before(lastBucket, record[at] as number)));
  }
  return decoded;
}

function decodeBucket(record: Buffer, start: number, id: number): Bucket {
  const bucket = emptyBucket(id);
  const { counts, bits } = bucket;
  COUNTS.forEach((name, i) => {
    counts[i] = record.readUInt16LE(start + (OFFSETS.get(name) as number));
  });
  BITMAPS.forEach((name, i) => {
    const at = start + (OFFSETS.get(name) as number);
    bits[2 * i] = record.readInt32LE(at);
    bits[2 * i + 1] = record.readInt32LE(at + 4);
  });
  return bucket;
}

export function encode(client: ClientRecord): Buffer {
  const { last, since, track } = client;
  const { hits, buckets } = track;
  const window = HEAD + standingBytes(since.length);
  const size = window + HIT_BYTES * hits.length + BUCKET_BYTES * buckets.length;
  const record = Buffer.alloc(size);
  putHead(record, client);
  record.writeUInt32LE(last, 2);
  record[6] = hits.length;
  record[7] = buckets.length;
  let at = window;
  for (const [second, n] of hits) {
    record[at] = second % 256;
    record.writeUInt16LE(Math.min(n, MAX_16), at + 1);
    at += HIT_BYTES;
  }
  for (const bucket of buckets) {
    encodeBucket(record, at, bucket);
    at += BUCKET_BYTES;
  }
  return record;
}

function encodeBucket(record: Buffer, start: number, { id, counts, bits }: Bucket): void {
  record[start] = id % 256;
  COUNTS.forEach((name, i) => {
    record.writeUInt16LE(Math.min(counts[i] as number, MAX_16), start + (OFFSETS.get(name) as number));
  });
  BITMAPS.forEach((name, i) => {
    const at = start + (OFFSETS.get(name) as number);
    record.writeInt32LE(bits[2 * i] as number, at);
    record.writeInt32LE(bits[2 * i + 1] as number, at + 4);
  });
}

/** Youngest hit's age: when a report's other observations happened, as nearly as it says. */
export function youngest(hits: Reported['hits']): number {
  let age = Infinity;
  for (const [a] of hits ?? []) if (a < age) age = a;
  return age === Infinity ? 0 : age;
}

/**
 * Adds what a report says of a client to its record: what count.lua does in Redis.
 *
 * @param record the old one, possibly empty
 * @param now second of the store's clock
 * @param older seconds that the report waited before it came here
 * @returns the new record; the old one if the report adds nothing
 */
export function add(record: Buffer, client: Reported, lines: number, now: number, older: number): Buffer {
  const names = Object.keys(client.added);
  const hits = (client.hits ?? []).filter(([age]) => age < WINDOW_S);
  if (hits.length === 0 && names.length === 0) return record;
  const into = decode(record, lines) ?? emptyRecord(lines);
  // After a clock has stepped back by more than a window, what the record holds lies in the future.
  if (into.last > now + WINDOW_S) Object.assign(into, { track: emptyTrack(), last: now });
  else into.last = Math.max(into.last, now);
  for (const [age, n] of hits) {
    if (age + older < WINDOW_S) addHits(into.track, now - age - older, n);
  }
  const second = now - youngest(client.hits) - older;
  if (names.length > 0 && Math.floor(second / BUCKET_S) >= firstBucket(now)) {
    addObserved(into.track, second, split(client.added));
  }
  prune(into.track, now);
  return encode(into);
}

/** Observations by name, numbers and bitmaps apart. */
export function split(added: Reported['added']): {
  counts: Record<string, number>;
  bitmaps: Record<string, Bitmap>;
} {
  const counts: Record<string, number> = {};
  const bitmaps: Record<string, Bitmap> = {};
  for (const name of COUNTS) if (typeof added[name] === 'number') counts[name] = added[name];
  for (const name of BITMAPS) if (typeof added[name] === 'object') bitmaps[name] = added[name];
  return { counts, bitmaps };
}
