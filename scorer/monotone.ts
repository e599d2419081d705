/**
 * Whether a model's score never falls when a client does more. The lease search is a bisection, which is right only
 * if that holds; a model for which it does not gets leases of 1.
 */
import { BITMAPS, COUNTS, DISTINCT_MAX, SIGNS } from './observations.ts';
import { featuresOf } from './features.ts';
import { seeded, type Random } from './random.ts';
import { WIDTH, plusErrors, plusHits, plusSigns, signsIn, sumsOf } from './sums.ts';
import { WINDOW_S, hitsOf, type Window } from './window.ts';

const WINDOWS = 200;
/** Up to the longest lease. */
const STEPS = [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 1024];
const WAYS = [plusHits, plusErrors, plusSigns];

type Score = (rows: Float64Array, n: number) => Float64Array | Promise<Float64Array>;

export function randomWindow(random: Random): Window {
  const window: Window = { now: WINDOW_S, hits: [], counts: {}, distinct: {} };
  const active = random() ** 2;
  const busy = 1 + 20 * random() ** 4;
  for (let age = 0; age < WINDOW_S; age++) {
    if (random() < active) window.hits.push([age, Math.ceil(busy * random())]);
  }
  const total = hitsOf(window);
  for (const name of COUNTS) {
    if (random() < 0.6) window.counts[name] = Math.floor(total * random());
  }
  for (const name of BITMAPS) window.distinct[name] = Math.min(total, 266) * random();
  return window;
}

/** 100 hits a second for the whole window, and of each observation as many. */
export function busyWindow(): Window {
  const hits: Window['hits'] = Array.from({ length: WINDOW_S }, (_, age) => [age, 100]);
  const of = (names: readonly string[], n: number): Record<string, number> =>
    Object.fromEntries(names.map((name) => [name, n]));
  return { now: WINDOW_S, hits, counts: of(COUNTS, 100 * WINDOW_S), distinct: of(BITMAPS, DISTINCT_MAX) };
}

/**
 * Looks at 200 random windows, each with up to 1,024 more hits, errors and signs.
 * @param tolerance by how much a score may fall and still count as not falling (rounding)
 */
export async function isMonotone(
  score: Score,
  names: readonly string[],
  tolerance: number,
): Promise<boolean> {
  const random = seeded(2);
  const windows = Array.from({ length: WINDOWS }, () => randomWindow(random));
  const n = windows.length * WAYS.length * STEPS.length;
  const rows = new Float64Array(n * names.length);
  let at = 0;
  const scratch = new Float64Array(WIDTH);
  for (const window of windows) {
    const sums = sumsOf(window);
    // Signs that the window shows already, and some that are new to it.
    const signs = signsIn(sums) | Math.floor(random() * 2 ** SIGNS.length);
    for (const more of WAYS) {
      for (const step of STEPS) {
        featuresOf(more(sums, step, scratch, signs), names, rows, at);
        at += names.length;
      }
    }
  }
  const scores = await score(rows, n);
  for (let i = 1; i < n; i++) {
    if (i % STEPS.length === 0) continue; // the first step of the next window
    if (!((scores[i] as number) >= (scores[i - 1] as number) - tolerance)) return false;
  }
  return true;
}
