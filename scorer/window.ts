/**
 * A client's last 60 seconds. Pure values: the stores (Redis, memory) and the training hold Tracks, everything
 * after them sees Windows.
 *
 * Track: what is kept of a client, hits by second and the rest by bucket of BUCKET_S seconds.
 * Window: the same seen from one moment, with ages in place of times and sums in place of buckets.
 */
import { BITMAPS, COUNTS, distinct, type Added, type Bitmap, type Counts } from './observations.ts';

export const WINDOW_S = 60;
/** Counts are kept by bucket, not by second: at most 10 of them per client, which keeps a client under 1 KB. */
export const BUCKET_S = 6;

/** Lists, since objects with a field for each name that there is happen to be take five times as long. */
export interface Bucket {
  /** floor(second / BUCKET_S) */
  id: number;
  /** One number for each of COUNTS. */
  counts: number[];
  /** Two halves for each of BITMAPS, as signed integers. */
  bits: number[];
}
export interface Track {
  /** [second, hits], oldest first, each second once. */
  hits: [number, number][];
  /** Oldest first, each id once. */
  buckets: Bucket[];
}

export interface Window {
  /** Seconds; the clock is the store's. */
  now: number;
  /** [age in seconds 0…59, hits], newest first, each age once. */
  hits: [number, number][];
  /** Over the last 60 s, to the bucket: a bucket that began before the window is left out, so counts ≤ hits. */
  counts: Counts;
  /** Estimated number of different values, by name of the bitmap. */
  distinct: Counts;
}

export const emptyTrack = (): Track => ({ hits: [], buckets: [] });

/** The oldest bucket that lies wholly inside the window that ends with second `now`. */
export const firstBucket = (now: number): number => Math.ceil((now - WINDOW_S + 1) / BUCKET_S);

/** What comes is in order nearly always, and a splice takes ten times as long. */
function insert<T>(list: T[], at: number, item: T): void {
  if (at === list.length) list.push(item);
  else list.splice(at, 0, item);
}

/** Adds `n` hits at a second to a track, in place. */
export function addHits(track: Track, second: number, n: number): void {
  let at = track.hits.length;
  while (at > 0 && (track.hits[at - 1]?.[0] ?? 0) > second) at--;
  const before = track.hits[at - 1];
  if (before?.[0] === second) before[1] += n;
  else insert(track.hits, at, [second, n]);
}

const NO_COUNTS: readonly number[] = COUNTS.map(() => 0);
const NO_BITS: readonly number[] = BITMAPS.flatMap(() => [0, 0]);
export const emptyBucket = (id: number): Bucket => ({ id, counts: NO_COUNTS.slice(), bits: NO_BITS.slice() });

/** Where a name stands in its list. */
const PLACES: Readonly<Record<string, number>> = Object.fromEntries(
  [COUNTS, BITMAPS].flatMap((names) => names.map((name, i): [string, number] => [name, i])),
);

/** What is added, by place in a bucket and not by name: of what is added often, names are looked up once. */
export interface Step {
  /** Pairs of a place in `counts` and a number. */
  counts: readonly number[];
  /** Pairs of a place in `bits` and half a bitmap. */
  bits: readonly number[];
}

export const isNothing = ({ counts, bits }: Step): boolean => counts.length + bits.length === 0;

export function stepOf({ counts, bitmaps }: Added): Step {
  const step = { counts: [] as number[], bits: [] as number[] };
  for (const name in counts) step.counts.push(PLACES[name] as number, counts[name] as number);
  for (const name in bitmaps) {
    const { hi, lo } = bitmaps[name] as Bitmap;
    const place = 2 * (PLACES[name] as number);
    step.bits.push(place, hi, place + 1, lo);
  }
  return step;
}

/** Adds observations at a second to a track, in place. */
export function addObserved(track: Track, second: number, added: Added): void {
  addStep(track, second, stepOf(added));
}

/** The same of a step. */
export function addStep(track: Track, second: number, step: Step): void {
  const id = Math.floor(second / BUCKET_S);
  let at = track.buckets.length;
  while (at > 0 && (track.buckets[at - 1]?.id ?? 0) > id) at--;
  let bucket = track.buckets[at - 1];
  if (bucket?.id !== id) {
    bucket = emptyBucket(id);
    insert(track.buckets, at, bucket);
  }
  const { counts, bits } = bucket;
  for (let i = 0; i < step.counts.length; i += 2) {
    const place = step.counts[i] as number;
    counts[place] = (counts[place] as number) + (step.counts[i + 1] as number);
  }
  for (let i = 0; i < step.bits.length; i += 2) {
    const place = step.bits[i] as number;
    bits[place] = (bits[place] as number) | (step.bits[i + 1] as number);
  }
}

/** A copy that additions at `second` and later leave as it is; what they do not touch is shared. */
export function copyFrom({ hits, buckets }: Track, second: number): Track {
  const copy = { hits: hits.slice(), buckets: buckets.slice() };
  for (let i = hits.length - 1; i >= 0; i--) {
    const [at, n] = hits[i] as [number, number];
    if (at < second) break;
    copy.hits[i] = [at, n];
  }
  const first = Math.floor(second / BUCKET_S);
  for (let i = buckets.length - 1; i >= 0; i--) {
    const { id, counts, bits } = buckets[i] as Bucket;
    if (id < first) break;
    copy.buckets[i] = { id, counts: counts.slice(), bits: bits.slice() };
  }
  return copy;
}

/** Drops what no window from `now` on can see, in place. */
export function prune({ hits, buckets }: Track, now: number): void {
  let stale = 0;
  while (stale < hits.length && (hits[stale] as [number, number])[0] <= now - WINDOW_S) stale++;
  drop(hits, stale);
  const first = firstBucket(now);
  let old = 0;
  while (old < buckets.length && (buckets[old] as Bucket).id < first) old++;
  drop(buckets, old);
}

/** Drops the first `n` of a list. */
function drop<T>(list: T[], n: number): void {
  if (n === list.length) list.length = 0;
  else if (n > 0) list.splice(0, n);
}

/**
 * @param now the second at which to look; hits of later seconds (a clock that stepped back) have age 0
 * @returns the window of the seconds now-59…now
 */
export function windowAt(track: Track, now: number): Window {
  const window: Window = { now, hits: [], counts: {}, distinct: {} };
  for (let i = track.hits.length - 1; i >= 0; i--) {
    const [second, n] = track.hits[i] as [number, number];
    const age = Math.max(0, now - second);
    if (age >= WINDOW_S) break;
    const newest = window.hits[window.hits.length - 1];
    if (newest?.[0] === age) newest[1] += n;
    else window.hits.push([age, n]);
  }
  const { counts, bits } = emptyBucket(0);
  addBuckets(track, now, counts, 0, bits);
  COUNTS.forEach((name, i) => {
    const n = counts[i] as number;
    if (n !== 0) window.counts[name] = n;
  });
  BITMAPS.forEach((name, i) => {
    const [hi, lo] = [bits[2 * i] as number, bits[2 * i + 1] as number];
    if (hi !== 0 || lo !== 0) window.distinct[name] = distinct({ hi, lo });
  });
  return window;
}

/**
 * Adds all that a window which ends with second `now` sees of a track's buckets.
 * @param sums one number for each of COUNTS, from index `from` on
 * @param bits two halves for each of BITMAPS
 */
export function addBuckets(
  { buckets }: Track,
  now: number,
  sums: Numbers,
  from: number,
  bits: Numbers,
): void {
  const first = firstBucket(now);
  for (const bucket of buckets) {
    if (bucket.id < first) continue;
    const { counts } = bucket;
    for (let i = 0; i < counts.length; i++)
      sums[from + i] = (sums[from + i] as number) + (counts[i] as number);
    for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] as number) | (bucket.bits[i] as number);
  }
}
type Numbers = { [i: number]: number; readonly length: number };

/** Hits in the window. */
export function hitsOf(window: Window): number {
  let total = 0;
  for (const [, n] of window.hits) total += n;
  return total;
}
