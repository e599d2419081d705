/**
 * A client as the gateway holds it: what lua/scoregate/lease.lua and clients.lua do, on the virtual clock. One gateway,
 * no pins, and no change of model meanwhile, so the parts about those are not here.
 */
import type { Verdict } from '../scorer/judge.ts';
import type { Lease } from '../scorer/lease.ts';
import { SIGNS, type Added } from '../scorer/observations.ts';
import type { Kept } from './backtest_scorer.ts';

export const HOLDS = 0;
export const ENDED = 1;
export const USED_UP = 2;
export const NONE = 3;
const MARK_SECONDS = 25;

/** The request that a record was reported at: what counts from there is charged to its lease. */
export interface Taken {
  hits: number;
  errors: number;
  signs: number;
}

export interface Client extends Kept {
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
  /** Counted from `taken`; if not `exact`, at least that. */
  lease: Lease;
  exact: boolean;
  /** A sign that the client had not shown lately has ended the lease. */
  cut: boolean;
  marks: number;
  marksBefore: number;
  marksS: number;
  /** What is not reported yet: pairs of second and hits, and the rest. */
  newHits: [number, number][];
  newAdded: Added[];
  /** Since when, ms; -1 if all is reported. */
  dirtyAt: number;
}

const NOTHING: Lease = { hits: 0, errors: 0, signs: 0, ttl_ms: 0 };

export const newClient = (key: string): Client => ({
  key,
  record: null,
  until: 0,
  hits: 0,
  errors: 0,
  signs: 0,
  tier: -1,
  score: 0,
  held: false,
  verdictAt: 0,
  untilMs: 0,
  taken: { hits: 0, errors: 0, signs: 0 },
  lease: NOTHING,
  exact: true,
  cut: false,
  marks: 0,
  marksBefore: 0,
  marksS: -Infinity,
  newHits: [],
  newAdded: [],
  dirtyAt: -1,
});

export function countHit(c: Client, second: number): void {
  c.hits += 1;
  const last = c.newHits[c.newHits.length - 1];
  if (last?.[0] === second) last[1] += 1;
  else c.newHits.push([second, 1]);
}

/** The signs of what a request adds on its arrival, one bit each. */
export function marksOf({ counts }: Added): number {
  let marks = 0;
  for (let i = 0; i < SIGNS.length; i++) if ((counts[SIGNS[i] as string] ?? 0) > 0) marks |= 1 << i;
  return marks;
}

/** Adds the signs that a request shows; one not shown in about the last minute ends the lease. */
export function showSigns(c: Client, marks: number, second: number): void {
  const age = second - c.marksS;
  if (age >= MARK_SECONDS) {
    c.marksBefore = age < 2 * MARK_SECONDS ? c.marks : 0;
    c.marks = 0;
    c.marksS = second;
  }
  c.signs += 1;
  if ((marks & ~(c.marks | c.marksBefore)) !== 0) c.cut = true;
  c.marks |= marks;
}

/** How far the lease must be known to say what state() and nearlySpent() say. */
export function need(c: Client): number {
  const { hits, errors, signs } = c.taken;
  const most = Math.max(c.hits - hits, c.errors - errors, c.signs - signs);
  return Math.ceil((most * 4) / 3) + 2;
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
export function grant(c: Client, verdict: Verdict, now: number): void {
  c.tier = verdict.tier;
  c.score = verdict.score;
  c.held = verdict.origin === 'held';
  c.verdictAt = now;
  c.untilMs = now + verdict.lease.ttl_ms;
  c.taken = { hits: c.hits, errors: c.errors, signs: c.signs };
  c.lease = NOTHING;
  c.exact = false;
  c.cut = false;
}
