/**
 * A client's last 60 seconds. Pure values: the stores (Redis, memory) and the training hold Tracks, everything
 * after them sees Windows.
 *
 * Track: what is kept of a client, hits by second and the rest by bucket of BUCKET_S seconds.
 * Window: the same seen from one moment, with ages in place of times and sums in place of buckets.
 */
import { distinct, type Added, type Bitmap, type Counts } from './observations.ts';

export const WINDOW_S = 60;
/** Counts are kept by bucket, not by second: at most 10 of them per client, which keeps a client under 1 KB. */
export const BUCKET_S = 6;

export interface Bucket extends Added {
  /** floor(second / BUCKET_S) */
  id: number;
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

/** Adds `n` hits at a second to a track, in place. */
export function addHits(track: Track, second: number, n: number): void {
  let at = track.hits.length;
  while (at > 0 && (track.hits[at - 1]?.[0] ?? 0) > second) at--;
  const before = track.hits[at - 1];
  if (before?.[0] === second) before[1] += n;
  else track.hits.splice(at, 0, [second, n]);
}

function merge(bitmaps: Record<string, Bitmap>, more: Record<string, Bitmap>): void {
  for (const name in more) {
    const bits = more[name] as Bitmap;
    const had = bitmaps[name];
    bitmaps[name] = had ? { hi: (had.hi | bits.hi) >>> 0, lo: (had.lo | bits.lo) >>> 0 } : bits;
  }
}

function sum(counts: Counts, more: Counts): void {
  for (const name in more) counts[name] = (counts[name] ?? 0) + (more[name] ?? 0);
}

/** Adds observations at a second to a track, in place. */
export function addObserved(track: Track, second: number, added: Added): void {
  const id = Math.floor(second / BUCKET_S);
  let at = track.buckets.length;
  while (at > 0 && (track.buckets[at - 1]?.id ?? 0) > id) at--;
  let bucket = track.buckets[at - 1];
  if (bucket?.id !== id) {
    bucket = { id, counts: {}, bitmaps: {} };
    track.buckets.splice(at, 0, bucket);
  }
  sum(bucket.counts, added.counts);
  merge(bucket.bitmaps, added.bitmaps);
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
    const { id, counts, bitmaps } = buckets[i] as Bucket;
    if (id < first) break;
    copy.buckets[i] = { id, counts: { ...counts }, bitmaps: { ...bitmaps } };
  }
  return copy;
}

/** Drops what no window from `now` on can see, in place. */
export function prune({ hits, buckets }: Track, now: number): void {
  let stale = 0;
  while (stale < hits.length && (hits[stale] as [number, number])[0] <= now - WINDOW_S) stale++;
  if (stale > 0) hits.splice(0, stale);
  const first = firstBucket(now);
  let old = 0;
  while (old < buckets.length && (buckets[old] as Bucket).id < first) old++;
  if (old > 0) buckets.splice(0, old);
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
  const bitmaps: Record<string, Bitmap> = {};
  const first = firstBucket(now);
  for (const bucket of track.buckets) {
    if (bucket.id < first) continue;
    sum(window.counts, bucket.counts);
    merge(bitmaps, bucket.bitmaps);
  }
  for (const name in bitmaps) window.distinct[name] = distinct(bitmaps[name] as Bitmap);
  return window;
}

/** Hits in the window. */
export function hitsOf(window: Window): number {
  let total = 0;
  for (const [, n] of window.hits) total += n;
  return total;
}
