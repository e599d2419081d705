/**
 * The model's inputs, computed from a window: the one function that serving, training and backtest call.
 *
 * Each has a direction: 1 if more of it may only raise the score, -1 if it may only lower it. Every feature is such
 * that more hits of the same mix move it in its direction or not at all, which is what makes the lease search exact.
 */
import { BITMAPS, COUNTS, DISTINCT_MAX } from './observations.ts';
import { ACTIVE, BUSIEST, HITS, OLDEST, place, sumsOf, WIDTH, type Sums } from './sums.ts';
import { WINDOW_S, type Window } from './window.ts';

/** How a feature is made of one number x of the sums: numbers, because one switch over them is faster than a function for each. */
const AS_IT_IS = 0;
/** x / (hits + 1): one request in one says less than ten in ten, so as of a window with one more of another kind. */
const SHARE = 1;
const PLAIN_SHARE = 2;
/** A bitmap tells no more than DISTINCT_MAX different values apart, so more hits than that must not make its share fall. */
const DISTINCT_SHARE = 3;
/** A share of what is missing. That says nothing in the first two requests, and little in the next few: nobody has had time yet. */
const SETTLED_SHARE = 4;
/** Per second since the oldest hit. */
const RATE = 5;
const MEAN_GAP = 6;

/** In place of an index into the sums: hits that are no assets. */
const PAGES = -1;
const assets = place('assets');

/**
 * The seconds that a rate is about. Not less than a few: a person may open some pages at once, and a lease looks at what
 * more hits in this very second would do.
 */
const SPAN_S = 2;

export interface Feature {
  /** 1: more looks worse. -1: more looks better. */
  direction: 1 | -1;
  kind: number;
  /** Where x stands in the sums, or PAGES. */
  of: number;
}

const worse = (kind: number, of: number): Feature => ({ direction: 1, kind, of });
const better = (kind: number, of: number): Feature => ({ direction: -1, kind, of });

/** What a single request cannot show: how much, how fast, how varied, with how many errors, how much of it bare. */
const BEHAVIOUR: Record<string, Feature> = {
  requests_60s: worse(AS_IT_IS, HITS),
  busiest_second: worse(AS_IT_IS, BUSIEST),
  active_seconds: worse(AS_IT_IS, ACTIVE),
  pages: worse(AS_IT_IS, PAGES),
  mean_gap: better(MEAN_GAP, OLDEST),
  page_share: worse(SETTLED_SHARE, PAGES),
  page_rate: worse(RATE, PAGES),
  // A form takes a person a while, so that of posts the very second counts.
  post_rate: worse(RATE, place('other_methods')),
  blind_page_share: worse(SETTLED_SHARE, place('pages_no_referer')),
  script_page_share: worse(SETTLED_SHARE, place('scripts')),
  post_page_share: worse(SETTLED_SHARE, place('other_methods')),
  blind_post_share: worse(SETTLED_SHARE, place('blind_posts')),
  blind_script_share: worse(SETTLED_SHARE, place('blind_scripts')),
};

/** What only people's browsers do more of. */
const BETTER = new Set(['assets', 'not_modified']);

function declared(): Record<string, Feature> {
  const features: Record<string, Feature> = {};
  for (const name of COUNTS) {
    const of = place(name);
    // More hits of the same mix bring more of what is good, too: of that only the share counts.
    if (BETTER.has(name)) features[`${name}_share`] = better(PLAIN_SHARE, of);
    else {
      features[name] = worse(AS_IT_IS, of);
      features[`${name}_share`] = worse(SHARE, of);
    }
  }
  for (const name of BITMAPS) {
    features[`distinct_${name}`] = worse(AS_IT_IS, place(name));
    features[`distinct_${name}_share`] = worse(DISTINCT_SHARE, place(name));
  }
  return features;
}

/** By name; all are ≥ 0. An observation that is added to the vocabulary is a feature by that. */
export const FEATURES: Readonly<Record<string, Feature>> = { ...BEHAVIOUR, ...declared() };

/** The names of all, for errors. */
export const ALL_FEATURES = Object.keys(FEATURES).join(', ');
/** The first name of a list that is no feature's. */
export const unknownOf = (names: readonly string[]): string | undefined =>
  names.find((name) => !Object.hasOwn(FEATURES, name));
/** The first name that a list has before. */
export const repeatedOf = (names: readonly string[]): string | undefined =>
  names.find((name, i) => names.indexOf(name) < i);

/** Kind and place of each feature of a list, in turn. */
type Program = Int32Array;
const programs = new WeakMap<readonly string[], Program>();
/** Of the model that serves, nearly always. */
let lastNames: readonly string[] = [];
let lastProgram: Program = new Int32Array(0);

function programOf(names: readonly string[]): Program {
  if (names !== lastNames) {
    lastProgram = translated(names);
    lastNames = names;
  }
  return lastProgram;
}

function translated(names: readonly string[]): Program {
  let found = programs.get(names);
  if (found === undefined) {
    found = Int32Array.from(
      names.flatMap((name) => {
        const feature = FEATURES[name];
        if (feature === undefined) throw new Error(`"${name}" is not a feature`);
        return [feature.kind, feature.of];
      }),
    );
    programs.set(names, found);
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
  const program = programOf(names);
  const hits = sums[HITS] as number;
  const some = Math.max(1, hits);
  const settled = hits < 3 ? 0 : (hits - 2) / (hits - 1);
  const pages = Math.max(0, hits - (sums[assets] as number));
  const span = Math.max(SPAN_S, (sums[OLDEST] as number) + 1);
  for (let i = 0; 2 * i < program.length; i++) {
    const of = program[2 * i + 1] as number;
    const x = of === PAGES ? pages : (sums[of] as number);
    let value = x;
    switch (program[2 * i]) {
      case SHARE:
        value = Math.min(1, x / (hits + 1));
        break;
      case PLAIN_SHARE:
        value = Math.min(1, x / some);
        break;
      case DISTINCT_SHARE:
        value = Math.min(1, x / (Math.min(hits, DISTINCT_MAX) + 1));
        break;
      case SETTLED_SHARE:
        value = (settled * x) / some;
        break;
      case RATE:
        value = x / span;
        break;
      case MEAN_GAP:
        value = hits < 2 ? WINDOW_S : x / (hits - 1);
        break;
    }
    into[from + i] = value;
  }
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
