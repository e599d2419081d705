/**
 * A client as the gateway holds it: what lua/scoregate/lease.lua and clients.lua do, on the virtual clock. One gateway,
 * no pins, and no change of model meanwhile, so the parts about those are not here.
 */
import { MOST } from '../scorer/lease.ts';
import { isNothing, type Step } from '../scorer/window.ts';
import { newKept, type Kept, type Said } from './backtest_scorer.ts';

export const HOLDS = 0;
export const ENDED = 1;
export const USED_UP = 2;
export const NONE = 3;

/** What a lease is about, in this order. */
export const DIMENSIONS = ['hits', 'errors', 'signs'] as const;
export const HITS = 0;
export const ERRORS = 1;
export const SIGNS = 2;

export interface Counter {
  n: number;
  /** What it was when the client was last reported: what counts from there is charged to the lease. */
  taken: number;
  /** How much that may be: at least that, as far as somebody has needed to know it. */
  lease: number;
  exact: boolean;
}

export interface Client {
  number: number;
  /** What the scorer holds of it. */
  kept: Kept;
  hits: Counter;
  errors: Counter;
  signs: Counter;
  /** -1: no verdict yet. */
  tier: number;
  score: number;
  held: boolean;
  verdictAt: number;
  untilMs: number;
  /** -1: nobody has needed to know it. */
  harmless: number;
  /** A sign that is not harmless has ended the lease. */
  cut: boolean;
  /** What is not reported yet: pairs of second and hits, and the rest. */
  newHits: [number, number][];
  newAdded: Step[];
  /** Since when, ms; -1 if all is reported. */
  dirtyAt: number;
  /** When it was reported without anybody waiting for the verdict, which is not found out yet, ms; -1: it is. */
  toldAt: number;
}

/** Not to be added to: lists begin with what is first in them, and take a tenth of what they take if they grow. */
const NOTHING: never[] = [];
/** What every lease has at least. */
const [LEAST_HITS, LEAST_ERRORS, LEAST_SIGNS] = [0, 1, 1];
const newCounter = (lease: number): Counter => ({ n: 0, taken: 0, lease, exact: true });

export const newClient = (number: number): Client => ({
  number,
  kept: newKept(),
  hits: newCounter(LEAST_HITS),
  errors: newCounter(LEAST_ERRORS),
  signs: newCounter(LEAST_SIGNS),
  tier: -1,
  score: 0,
  held: false,
  verdictAt: 0,
  untilMs: 0,
  harmless: -1,
  cut: false,
  newHits: NOTHING,
  newAdded: NOTHING,
  dirtyAt: -1,
  toldAt: -1,
});

export function countHit(c: Client, second: number): void {
  c.hits.n += 1;
  const last = c.newHits[c.newHits.length - 1];
  if (last === undefined) c.newHits = [[second, 1]];
  else if (last[0] === second) last[1] += 1;
  else c.newHits.push([second, 1]);
}

export function countAdded(c: Client, step: Step): void {
  if (isNothing(step)) return;
  if (c.newAdded.length === 0) c.newAdded = [step];
  else c.newAdded.push(step);
}

/** The scorer has all of it. */
export function told(c: Client): void {
  c.newHits = NOTHING;
  c.newAdded = NOTHING;
  c.toldAt = -1;
}

const used = ({ n, taken }: Counter): number => n - taken;
const threeQuarters = ({ lease }: Counter): number => Math.ceil(lease * 0.75);

/** How far a part of the lease must be known to say what state() and nearlySpent() say; 0 if it is. */
export function need(counter: Counter): number {
  if (counter.exact || used(counter) === 0) return 0;
  const n = Math.min(MOST, Math.ceil((used(counter) * 4) / 3) + 2);
  return n < counter.lease ? 0 : n;
}

export function state({ tier, hits, errors, signs, cut, untilMs }: Client, now: number): number {
  if (tier < 0) return NONE;
  if (used(hits) > hits.lease || used(errors) >= errors.lease) return USED_UP;
  if (cut || used(signs) >= signs.lease) return USED_UP;
  return now >= untilMs ? ENDED : HOLDS;
}

/** Whether three quarters of the lease are spent. */
export const nearlySpent = ({ hits, errors, signs }: Client): boolean =>
  used(hits) >= Math.max(1, threeQuarters(hits)) ||
  used(errors) >= threeQuarters(errors) ||
  used(signs) >= threeQuarters(signs);

/** The report was taken just now, so nothing is charged to it; the lease is not known yet. */
function granted(counter: Counter, least: number): void {
  counter.taken = counter.n;
  counter.lease = least;
  counter.exact = false;
}

/** Gives the client a verdict. */
export function grant(c: Client, { tier, score, held, ttl_ms }: Said, now: number): void {
  c.tier = tier;
  c.score = score;
  c.held = held;
  c.verdictAt = now;
  c.untilMs = now + ttl_ms;
  granted(c.hits, LEAST_HITS);
  granted(c.errors, LEAST_ERRORS);
  granted(c.signs, LEAST_SIGNS);
  c.harmless = -1;
  c.cut = false;
}

/** Goes on with the lease that it has: only the score is another. */
export function renew(c: Client, { score }: Said, now: number): void {
  c.score = score;
  c.held = false;
  c.verdictAt = now;
}
