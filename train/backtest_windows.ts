/**
 * What was found out about a window, remembered: windows repeat themselves (a client's first request, a monitor's
 * hundredth). Nine in ten verdicts are about one that was seen before.
 */
import type { Judging } from '../scorer/judge.ts';
import { setsQuestion, signOrder, signRows, signSets, type Below } from '../scorer/lease.ts';
import { featuresOf } from '../scorer/features.ts';
import { SIGNS } from '../scorer/observations.ts';
import { seeded } from '../scorer/random.ts';
import { between, type Question } from '../scorer/search.ts';
import { WIDTH, sumsAt, type Sums } from '../scorer/sums.ts';
import type { Track } from '../scorer/window.ts';

/** The scores of a model that answers at once. */
export class Scores {
  readonly features: readonly string[];
  readonly #score: Judging['score'];
  readonly #row: Float64Array;
  readonly #one = new Float64Array(1);
  readonly #signs: readonly number[];

  constructor({ features, score }: Judging) {
    this.features = features;
    this.#score = score;
    this.#row = new Float64Array(features.length);
    this.#signs = signOrder(atOnce(score(signRows(features), SIGNS.length)));
  }

  /** The score of what is in a window. */
  of(sums: Sums): number {
    featuresOf(sums, this.features, this.#row, 0);
    return this.#ofRow();
  }

  /** The score that a question is about, at x. */
  at(question: Question, x: number): number {
    question.fill(x, this.#row, 0);
    return this.#ofRow();
  }

  /** What search() finds for one question. */
  last(question: Question): number {
    let [low, high] = [question.from, question.to];
    while (high - low > 1) {
      const middle = between(question, low, high);
      if (this.at(question, middle) < question.line === question.below) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The signs that do not end the lease of a client. */
  harmless(below: Below): number {
    const sets = signSets(below.sums, this.#signs);
    return sets[this.last(setsQuestion(below, this.features, sets))] as number;
  }

  #ofRow(): number {
    return atOnce(this.#score(this.#row, 1, this.#one))[0] as number;
  }
}

function atOnce(scores: ReturnType<Judging['score']>): Float64Array {
  if (scores instanceof Promise) throw new Error('a backtest needs a model that answers at once');
  return scores;
}

/** As much as is known of a part of a lease. */
export interface Part {
  n: number;
  exact: boolean;
}
export interface Lease {
  /** -1: not known. */
  harmless: number;
  /** By dimension. */
  parts: Part[];
}
const UNKNOWN: Part = { n: 0, exact: false };

/** What is in a window, and what was found out about that: the same object for equal windows, as long as one is remembered. */
export interface Seen {
  readonly sums: Sums;
  readonly score: number;
  /** By tier, as far as somebody asked. */
  readonly leases: Lease[];
}

export const leaseOf = ({ leases }: Seen, tier: number): Lease =>
  (leases[tier] ??= { harmless: -1, parts: [UNKNOWN, UNKNOWN, UNKNOWN] });

const PLACES = 1 << 16;

/** One place for a window, by its hash; whatever comes later takes it over, so the memory is bounded. */
export class Windows {
  readonly #scores: Scores;
  readonly #known = new Array<Seen | undefined>(PLACES).fill(undefined);
  readonly #sums = new Float64Array(WIDTH);

  constructor(scores: Scores) {
    this.#scores = scores;
  }

  at(track: Track, now: number): Seen {
    const sums = sumsAt(track, now, this.#sums);
    const place = placeOf(sums);
    const known = this.#known[place];
    if (known !== undefined && equal(known.sums, sums)) return known;
    return (this.#known[place] = { sums: sums.slice(), score: this.#scores.of(sums), leases: [] });
  }
}

/** By what the sums, each times a number of its own, leave behind the point. */
const FACTORS = Float64Array.from({ length: WIDTH }, seeded(1));

function placeOf(sums: Sums): number {
  let x = 0;
  for (let i = 0; i < WIDTH; i++) x += (sums[i] as number) * (FACTORS[i] as number);
  return ((x - Math.floor(x)) * PLACES) | 0;
}

function equal(one: Sums, other: Sums): boolean {
  let i = 0;
  while (i < WIDTH && one[i] === other[i]) i++;
  return i === WIDTH;
}
