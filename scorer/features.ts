/**
 * The model's inputs, computed from a window: the one function that serving, training and backtest call.
 *
 * Each has a direction: 1 if more of it may only raise the score, -1 if it may only lower it. Every feature is such
 * that more hits of the same mix move it in its direction or not at all, which is what makes the lease search exact.
 */
import { BITMAPS, COUNTS, DISTINCT_MAX } from './observations.ts';
import { ACTIVE, BUSIEST, HITS, OLDEST, place, sumsOf, WIDTH, type Sums } from './sums.ts';
import { WINDOW_S, type Window } from './window.ts';

export interface Feature {
  /** 1: more looks worse. -1: more looks better. */
  direction: 1 | -1;
  of(sums: Sums): number;
}

const at = (sums: Sums, i: number): number => sums[i] as number;

/** One request in one says less than ten in ten: the share of a window that had one more request of another kind. */
const share =
  (i: number) =>
  (sums: Sums): number =>
    Math.min(1, at(sums, i) / (at(sums, HITS) + 1));

/** What is missing says nothing in the first two requests, and little in the next few: nobody has had time yet. */
const settled = (sums: Sums): number => {
  const hits = at(sums, HITS);
  return hits < 3 ? 0 : (hits - 2) / (hits - 1);
};

const assets = place('assets');
const posts = place('other_methods');
const pages = (sums: Sums): number => Math.max(0, at(sums, HITS) - at(sums, assets));

/**
 * The seconds that the rate of pages is about. Not less than a few: a person may open some pages at once, and a lease looks at what
 * more hits in this very second would do.
 */
const SPAN_S = 2;
const span = (sums: Sums): number => Math.max(SPAN_S, at(sums, OLDEST) + 1);

/** What a single request cannot show: how much, how fast, how varied, with how many errors, how much of it bare. */
function behaviour(): Record<string, Feature> {
  const worse = (of: Feature['of']): Feature => ({ direction: 1, of });
  const missing = (name: string): Feature => {
    const i = place(name);
    return worse((s) => (settled(s) * at(s, i)) / Math.max(1, at(s, HITS)));
  };
  const better = (of: Feature['of']): Feature => ({ direction: -1, of });
  return {
    requests_60s: worse((s) => at(s, HITS)),
    busiest_second: worse((s) => at(s, BUSIEST)),
    active_seconds: worse((s) => at(s, ACTIVE)),
    pages: worse(pages),
    mean_gap: better((s) => (at(s, HITS) < 2 ? WINDOW_S : at(s, OLDEST) / (at(s, HITS) - 1))),
    page_share: worse((s) => (settled(s) * pages(s)) / Math.max(1, at(s, HITS))),
    page_rate: worse((s) => pages(s) / span(s)),
    // A form takes a person a while, so that of posts the very second counts.
    post_rate: worse((s) => at(s, posts) / span(s)),
    blind_page_share: missing('pages_no_referer'),
    bare_share: missing('no_referer'),
    script_page_share: missing('scripts'),
    post_page_share: missing('other_methods'),
    blind_post_share: missing('blind_posts'),
    blind_script_share: missing('blind_scripts'),
  };
}

/** What only people's browsers do more of. */
const BETTER = new Set(['assets', 'not_modified']);

function declared(): Record<string, Feature> {
  const features: Record<string, Feature> = {};
  for (const name of COUNTS) {
    const i = place(name);
    const direction = BETTER.has(name) ? -1 : 1;
    // More hits of the same mix bring more of what is good, too: of that only the share counts.
    if (direction === 1) features[name] = { direction, of: (s) => at(s, i) };
    features[`${name}_share`] = { direction, of: direction === 1 ? share(i) : plainShare(i) };
  }
  for (const name of BITMAPS) {
    const i = place(name);
    features[`distinct_${name}`] = { direction: 1, of: (s) => at(s, i) };
    features[`distinct_${name}_share`] = { direction: 1, of: distinctShare(i) };
  }
  return features;
}

/** A bitmap tells no more than DISTINCT_MAX different values apart, so more hits than that must not make its share fall. */
const distinctShare =
  (i: number) =>
  (sums: Sums): number =>
    Math.min(1, at(sums, i) / (Math.min(at(sums, HITS), DISTINCT_MAX) + 1));

const plainShare =
  (i: number) =>
  (sums: Sums): number =>
    Math.min(1, at(sums, i) / Math.max(1, at(sums, HITS)));

/** By name; all are ≥ 0. An observation that is added to the vocabulary is a feature by that. */
export const FEATURES: Readonly<Record<string, Feature>> = { ...behaviour(), ...declared() };

const compiled = new WeakMap<readonly string[], Feature[]>();

function definitions(names: readonly string[]): Feature[] {
  let found = compiled.get(names);
  if (found === undefined) {
    found = names.map((name) => {
      const feature = FEATURES[name];
      if (feature === undefined) throw new Error(`"${name}" is not a feature`);
      return feature;
    });
    compiled.set(names, found);
  }
  return found;
}

/** As features(), from sums. */
export function featuresOf(
  sums: Sums,
  names: readonly string[],
  into: Float64Array = new Float64Array(names.length),
  from = 0,
): Float64Array {
  const list = definitions(names);
  for (let i = 0; i < list.length; i++) into[from + i] = (list[i] as Feature).of(sums);
  return into;
}

const scratch = new Float64Array(WIDTH);

/**
 * @param names feature names in the order of the model's inputs
 * @param into where to write them, from index `from` on; made if absent
 * @returns raw values: no scaling, which belongs to the model
 * @throws Error if a name is not a feature (loadModel checks that before)
 */
export function features(
  window: Window,
  names: readonly string[],
  into: Float64Array = new Float64Array(names.length),
  from = 0,
): Float64Array {
  return featuresOf(sumsOf(window, scratch), names, into, from);
}
