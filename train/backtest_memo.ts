/**
 * What was computed for a row of numbers, remembered: windows repeat themselves (a client's first request, a monitor's
 * hundredth). One place a row, by its hash; whoever comes later takes it over, so the memory is bounded.
 */
import type { Judging } from '../scorer/judge.ts';
import { setsQuestion, signOrder, signRows, signSets, type Below } from '../scorer/lease.ts';
import { featuresOf } from '../scorer/features.ts';
import { SIGNS } from '../scorer/observations.ts';
import { between, type Question } from '../scorer/search.ts';
import { WIDTH, sumsAt, type Sums } from '../scorer/sums.ts';
import type { Track } from '../scorer/window.ts';

const PLACES = 1 << 15;

class Memo {
  /** What is looked for. */
  readonly row: Float64Array;
  readonly #rows: Float64Array;
  readonly #taken = new Uint8Array(PLACES);
  readonly #words: Uint32Array;

  /** @param width numbers in a row */
  constructor(width: number) {
    this.row = new Float64Array(width);
    this.#words = new Uint32Array(this.row.buffer);
    this.#rows = new Float64Array(PLACES * width);
  }

  /** @returns the place (0…32,767) of `row`; its complement (below 0) if the place did not hold that row, but does now */
  find(): number {
    const row = this.row;
    const rows = this.#rows;
    const words = this.#words;
    const width = row.length;
    let hash = 0;
    for (let i = 0; i < words.length; i++) {
      hash = Math.imul(hash ^ (words[i] as number), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    const place = hash & (PLACES - 1);
    const at = place * width;
    if (this.#taken[place] === 1) {
      let i = 0;
      while (i < width && rows[at + i] === row[i]) i++;
      if (i === width) return place;
    }
    this.#taken[place] = 1;
    rows.set(row, at);
    return ~place;
  }
}

/** The scores of a model that answers at once, each row's computed once as long as it is remembered. */
export class Scores {
  readonly features: readonly string[];
  readonly #score: Judging['score'];
  readonly #memo: Memo;
  readonly #known = new Float64Array(PLACES);
  readonly #signs: readonly number[];

  constructor({ features, score }: Judging) {
    this.features = features;
    this.#score = score;
    this.#memo = new Memo(features.length);
    this.#signs = signOrder(this.#compute(signRows(features), SIGNS.length));
  }

  /** The score of what is in a window. */
  of(sums: Sums): number {
    featuresOf(sums, this.features, this.#memo.row, 0);
    return this.#remembered();
  }

  /** The score that a question is about, at x. */
  at(question: Question, x: number): number {
    question.fill(x, this.#memo.row, 0);
    return this.#remembered();
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

  #remembered(): number {
    const found = this.#memo.find();
    if (found >= 0) return this.#known[found] as number;
    return (this.#known[~found] = this.#compute(this.#memo.row, 1)[0] as number);
  }

  #compute(rows: Float64Array, n: number): Float64Array {
    const scores = this.#score(rows, n);
    if (scores instanceof Promise) throw new Error('a backtest needs a model that answers at once');
    return scores;
  }
}

/** As much as is known of a part of a lease. */
export interface Part {
  n: number;
  exact: boolean;
}
export interface Lease {
  /** -1: not known. */
  harmless: number;
  hits: Part;
  errors: Part;
  signs: Part;
}
const UNKNOWN: Part = { n: 0, exact: false };
const newLease = (): Lease => ({ harmless: -1, hits: UNKNOWN, errors: UNKNOWN, signs: UNKNOWN });

/** What is in a window, and what was found out about that: the same object for equal windows, as long as one is remembered. */
export interface Seen {
  readonly sums: Sums;
  readonly score: number;
  /** By tier. */
  readonly leases: readonly Lease[];
}

export class Windows {
  readonly #scores: Scores;
  readonly #tiers: number;
  readonly #memo = new Memo(WIDTH);
  readonly #known: Seen[] = [];

  constructor(scores: Scores, tiers: number) {
    this.#scores = scores;
    this.#tiers = tiers;
  }

  at(track: Track, now: number): Seen {
    const sums = sumsAt(track, now, this.#memo.row);
    const found = this.#memo.find();
    if (found >= 0) return this.#known[found] as Seen;
    const leases = Array.from({ length: this.#tiers }, newLease);
    return (this.#known[~found] = { sums: sums.slice(), score: this.#scores.of(sums), leases });
  }
}
