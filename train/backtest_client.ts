/**
 * A client as the gateway holds it: what lua/scoregate/lease.lua and clients.lua do, on the virtual clock. One gateway,
 * no pins, and no change of model meanwhile, so the parts about those are not here.
 */
import { MOST } from '../scorer/lease.ts';
import type { Step } from '../scorer/window.ts';
import { newKept, type Kept, type Said } from './backtest_scorer.ts';

export const HOLDS = 0;
export const ENDED = 1;
export const USED_UP = 2;
export const NONE = 3;

/** The request that a record was reported at: what counts from there is charged to its lease. */
export interface Taken {
  hits: number;
  errors: number;
  signs: number;
}

export interface Client {
  number: number;
  /** What the scorer holds of it. */
  kept: Kept;
  hits: number;
  errors: number;
  signs: number;
  /** -1: no verdict yet. */
  tier: number;
  score: number;
  held: boolean;
  verdictAt: number;
  untilMs: number;
  taken: Taken;
  /** Counted from `taken`: at least that, as far as somebody has needed to know it. */
  lease: Taken;
  exact: { hits: boolean; errors: boolean; signs: boolean };
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
const LEAST: Readonly<Taken> = { hits: 0, errors: 1, signs: 1 };

export const newClient = (number: number): Client => ({
  number,
  kept: newKept(),
  hits: 0,
  errors: 0,
  signs: 0,
  tier: -1,
  score: 0,
  held: false,
  verdictAt: 0,
  untilMs: 0,
  taken: { hits: 0, errors: 0, signs: 0 },
  lease: { ...LEAST },
  exact: { hits: true, errors: true, signs: true },
  harmless: -1,
  cut: false,
  newHits: NOTHING,
  newAdded: NOTHING,
  dirtyAt: -1,
  toldAt: -1,
});

export function countHit(c: Client, second: number): void {
  c.hits += 1;
  const last = c.newHits[c.newHits.length - 1];
  if (last === undefined) c.newHits = [[second, 1]];
  else if (last[0] === second) last[1] += 1;
  else c.newHits.push([second, 1]);
}

export function countAdded(c: Client, step: Step): void {
  if (step.counts.length + step.bits.length === 0) return;
  if (c.newAdded.length === 0) c.newAdded = [step];
  else c.newAdded.push(step);
}

/** The scorer has all of it. */
export function told(c: Client): void {
  c.newHits = NOTHING;
  c.newAdded = NOTHING;
  c.toldAt = -1;
}

export const DIMENSIONS = ['hits', 'errors', 'signs'] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** How far a part of the lease must be known to say what state() and nearlySpent() say; 0 if nothing used it. */
export function need(c: Client, what: Dimension): number {
  const used = c[what] - c.taken[what];
  return used === 0 || c.exact[what] ? 0 : Math.min(MOST, Math.ceil((used * 4) / 3) + 2);
}

export function state(c: Client, ordinal: number, now: number): number {
  if (c.tier < 0) return NONE;
  const { taken, lease } = c;
  if (ordinal > taken.hits + lease.hits || c.errors >= taken.errors + lease.errors) return USED_UP;
  if (c.cut || c.signs >= taken.signs + lease.signs) return USED_UP;
  return now >= c.untilMs ? ENDED : HOLDS;
}

/** Whether three quarters of the lease are spent. */
export function nearlySpent(c: Client, ordinal: number): boolean {
  const { taken, lease } = c;
  return (
    ordinal >= taken.hits + Math.max(1, Math.ceil(lease.hits * 0.75)) ||
    c.errors >= taken.errors + Math.ceil(lease.errors * 0.75) ||
    c.signs >= taken.signs + Math.ceil(lease.signs * 0.75)
  );
}

/** Gives the client a verdict, whose lease is not known yet. The report was taken just now: nothing is charged to it. */
export function grant(c: Client, { tier, score, held, ttl_ms }: Said, now: number): void {
  c.tier = tier;
  c.score = score;
  c.held = held;
  c.verdictAt = now;
  c.untilMs = now + ttl_ms;
  c.taken.hits = c.hits;
  c.taken.errors = c.errors;
  c.taken.signs = c.signs;
  c.lease.hits = LEAST.hits;
  c.lease.errors = LEAST.errors;
  c.lease.signs = LEAST.signs;
  c.exact.hits = c.exact.errors = c.exact.signs = false;
  c.harmless = -1;
  c.cut = false;
}

/** Goes on with the lease that it has: only the score is another. */
export function renew(c: Client, { score }: Said, now: number): void {
  c.score = score;
  c.held = false;
  c.verdictAt = now;
}
