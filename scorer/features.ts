/**
 * The model's inputs, computed from a window: the one function that serving, training and backtest call.
 */
import { BITMAPS, OBSERVATIONS } from './observations.ts';
import { hitsOf, type Window } from './window.ts';

type Feature = (window: Window) => number;

const perHit = (window: Window, amount: number): number => {
  const hits = hitsOf(window);
  return hits === 0 ? 0 : amount / hits;
};

function declared(): Record<string, Feature> {
  const features: Record<string, Feature> = {};
  for (const { name, kind } of OBSERVATIONS) {
    if (kind === 'bitmap') continue;
    features[name] = (w) => w.counts[name] ?? 0;
    features[`${name}_${kind === 'sum' ? 'mean' : 'share'}`] = (w) => perHit(w, w.counts[name] ?? 0);
  }
  for (const name of BITMAPS) {
    features[`distinct_${name}`] = (w) => w.distinct[name] ?? 0;
    // The estimate of a bitmap can be a little above the number of hits; a share cannot be above 1.
    features[`distinct_${name}_share`] = (w) => Math.min(1, perHit(w, w.distinct[name] ?? 0));
  }
  return features;
}

/** By name; all are ≥ 0. An observation that is added to the vocabulary is a feature by that. */
export const FEATURES: Readonly<Record<string, Feature>> = {
  requests_60s: hitsOf,
  busiest_second: (w) => w.hits.reduce((most, [, n]) => Math.max(most, n), 0),
  active_seconds: (w) => w.hits.length,
  ...declared(),
};

/**
 * @param names feature names in the order of the model's inputs
 * @param into where to write them, from index `at` on; made if absent
 * @returns raw values: no scaling, which belongs to the model
 * @throws Error if a name is not a feature (loadModel checks that before)
 */
export function features(
  window: Window,
  names: readonly string[],
  into: Float64Array = new Float64Array(names.length),
  at = 0,
): Float64Array {
  for (let i = 0; i < names.length; i++) {
    const feature = FEATURES[names[i] as string];
    if (feature === undefined) throw new Error(`"${names[i]}" is not a feature`);
    into[at + i] = feature(window);
  }
  return into;
}
