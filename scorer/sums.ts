/**
 * A window as one row of numbers: what features are computed from, and what the lease search changes. A search looks at
 * a window up to sixteen times with more hits, errors or signs in it; over a typed array that is a few multiplications,
 * where objects would cost a hundred times as much.
 */
import { BITMAPS, COUNTS, DISTINCT_MAX, SIGNS, distinct } from './observations.ts';
import { WINDOW_S, addBuckets, type Track, type Window } from './window.ts';

export const HITS = 0;
/** Most hits in one second. */
export const BUSIEST = 1;
/** Seconds with hits. */
export const ACTIVE = 2;
/** Hits in this very second. */
export const NEWEST = 3;
/** Age of the oldest hit in seconds. */
export const OLDEST = 4;
const FIRST_COUNT = 5;
const FIRST_DISTINCT = FIRST_COUNT + COUNTS.length;
export const WIDTH = FIRST_DISTINCT + BITMAPS.length;

export type Sums = Float64Array;

/** What a client did, as it looks from a second. */
export interface History {
  /** @param into where to write; made if absent */
  sumsAt(now: number, into?: Sums): Sums;
}
export const historyOf = (track: Track): History => ({
  // A method, not a function in a field: tsx gives those their names when it runs.
  sumsAt(now, into) {
    return sumsAt(track, now, into);
  },
});

/** Where the sum of a count, or the estimate of a bitmap, stands. @throws Error for a name that is neither */
export function place(name: string): number {
  const [count, bitmap] = [COUNTS.indexOf(name), BITMAPS.indexOf(name)];
  if (count >= 0) return FIRST_COUNT + count;
  if (bitmap >= 0) return FIRST_DISTINCT + bitmap;
  throw new Error(`config/observations.json declares no "${name}"`);
}

const PLACES: Readonly<Record<string, number>> = Object.fromEntries(
  [...COUNTS, ...BITMAPS].map((name) => [name, place(name)]),
);

/** What only people bring: requests that are errors or show signs bring none of it. */
const GOOD = ['assets', 'not_modified'].map(place);
const ERRORS = ['errors_4xx', 'errors_5xx', 'missing_paths'].map(place);
const MISSING_SCRIPTS = place('missing_scripts');
const SIGN_PLACES = SIGNS.map(place);
const SCRIPTS = 1 << SIGNS.indexOf('scripts');

/** @param into where to write; made if absent */
export function sumsOf(window: Window, into: Sums = new Float64Array(WIDTH)): Sums {
  into.fill(0);
  for (const [age, n] of window.hits) {
    into[HITS] = (into[HITS] as number) + n;
    into[BUSIEST] = Math.max(into[BUSIEST] as number, n);
    if (age === 0) into[NEWEST] = n;
    into[OLDEST] = Math.max(into[OLDEST] as number, age);
  }
  into[ACTIVE] = window.hits.length;
  for (const name in window.counts) into[PLACES[name] as number] = window.counts[name] as number;
  for (const name in window.distinct) into[PLACES[name] as number] = window.distinct[name] as number;
  return into;
}

const bits = new Int32Array(2 * BITMAPS.length);

/** As fill(0), which takes longer for so few. */
function clear(numbers: Sums | Int32Array): void {
  for (let i = 0; i < numbers.length; i++) numbers[i] = 0;
}

/** The same from a track, as sumsOf(windowAt(track, now)) and without making a window. */
export function sumsAt(track: Track, now: number, into: Sums = new Float64Array(WIDTH)): Sums {
  clear(into);
  sumHits(track, now, into);
  clear(bits);
  addBuckets(track, now, into, FIRST_COUNT, bits);
  for (let i = 0; i < BITMAPS.length; i++) {
    const [hi, lo] = [bits[2 * i] as number, bits[2 * i + 1] as number];
    if (hi !== 0 || lo !== 0) into[FIRST_DISTINCT + i] = distinct({ hi, lo });
  }
  return into;
}

function sumHits({ hits }: Track, now: number, into: Sums): void {
  for (let i = hits.length - 1; i >= 0; i--) {
    const [second, n] = hits[i] as [number, number];
    if (now - second >= WINDOW_S) break;
    sumHit(into, now - second, n);
  }
  hitsCounted(into);
}

/** Adds one second's hits, the newest first; in the end hitsCounted(). @param age of a clock that stepped back, below 0 */
export function sumHit(into: Sums, age: number, n: number): void {
  into[HITS] = (into[HITS] as number) + n;
  if (age <= 0) into[NEWEST] = (into[NEWEST] as number) + n;
  else {
    into[ACTIVE] = (into[ACTIVE] as number) + 1;
    if (n > (into[BUSIEST] as number)) into[BUSIEST] = n;
    into[OLDEST] = age;
  }
}

export function hitsCounted(into: Sums): void {
  const newest = into[NEWEST] as number;
  if (newest > 0) into[ACTIVE] = (into[ACTIVE] as number) + 1;
  if (newest > (into[BUSIEST] as number)) into[BUSIEST] = newest;
}

/**
 * The window after `n` more hits, all in this second (the worst that they can do), the mix of requests staying as it
 * is: counts and distinct values grow in proportion.
 * @param into where to write; not `sums` itself
 */
export function plusHits(sums: Sums, n: number, into: Sums): Sums {
  into.set(sums);
  if (n === 0) return into;
  const hits = sums[HITS] as number;
  const newest = (sums[NEWEST] as number) + n;
  into[HITS] = hits + n;
  into[NEWEST] = newest;
  if (newest === n) into[ACTIVE] = (sums[ACTIVE] as number) + 1;
  into[BUSIEST] = Math.max(sums[BUSIEST] as number, newest);
  const factor = hits === 0 ? 1 : (hits + n) / hits;
  for (let i = FIRST_COUNT; i < FIRST_DISTINCT; i++) into[i] = (sums[i] as number) * factor;
  for (let i = FIRST_DISTINCT; i < WIDTH; i++) into[i] = Math.min(DISTINCT_MAX, (sums[i] as number) * factor);
  return into;
}

/**
 * The window after `n` more requests that were answered with errors: as plusHits, and every one of the new answers
 * counts as 4xx and as 5xx, whichever the model minds more, each for another path that is not there; none of them is
 * anything that only people bring.
 * @param signs bits of the signs that these requests may show: a script can be missing only where scripts are asked for
 */
export function plusErrors(sums: Sums, n: number, into: Sums, signs: number): Sums {
  plusHits(sums, n, into);
  for (const i of GOOD) into[i] = sums[i] as number;
  for (const i of ERRORS) raise(sums, n, into, i);
  if ((signs & SCRIPTS) !== 0) raise(sums, n, into, MISSING_SCRIPTS);
  return into;
}

/** The window after `n` more requests each of which shows all these signs, and nothing that only people bring. */
export function plusSigns(sums: Sums, n: number, into: Sums, signs: number): Sums {
  plusHits(sums, n, into);
  for (const i of GOOD) into[i] = sums[i] as number;
  for (let k = 0; k < SIGN_PLACES.length; k++)
    if ((signs & (1 << k)) !== 0) raise(sums, n, into, SIGN_PLACES[k] as number);
  return into;
}

/** The signs that a window shows, one bit each. */
export function signsIn(sums: Sums): number {
  let signs = 0;
  for (let k = 0; k < SIGN_PLACES.length; k++)
    if ((sums[SIGN_PLACES[k] as number] as number) > 0) signs |= 1 << k;
  return signs;
}

function raise(sums: Sums, n: number, into: Sums, i: number): void {
  const more = (sums[i] as number) + n;
  into[i] = i < FIRST_DISTINCT ? more : Math.min(DISTINCT_MAX, more);
}
