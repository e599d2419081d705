/**
 * The scorer of a backtest: one client at a time and at once, where judge() takes many and waits for them. It says what
 * judge() says, from the same functions, but finds out only what somebody needs: of leases as far as counters have come,
 * of the second at which a score will have fallen below a line nothing until the score has.
 */
import type { Judging } from '../scorer/judge.ts';
import {
  ALL_SIGNS,
  MOST,
  TTL_MS,
  clampTtl,
  hitsOnly,
  hitsQuestion,
  worseQuestions,
  type Below,
} from '../scorer/lease.ts';
import type { Question } from '../scorer/search.ts';
import { emptyRecord, type ClientRecord } from '../scorer/store/record.ts';
import { keptFor } from '../scorer/store/standing.ts';
import type { Moment, Standing } from '../scorer/store/store.ts';
import { HITS, historyOf } from '../scorer/sums.ts';
import {
  decay,
  improvesIn,
  nextTier,
  releaseLine,
  restored,
  returnedAt,
  seenWith,
  tierOf,
  type Lines,
} from '../scorer/tier.ts';
import { addHits, addStep, copyFrom, prune, type Step, type Track } from '../scorer/window.ts';
import { ERRORS, HITS as BY_HITS } from './backtest_client.ts';
import { Scores, Windows, leaseOf, type Part, type Seen } from './backtest_windows.ts';

/** What the scorer holds of a client. */
export interface Kept {
  record: ClientRecord | null;
  /** Second from which on the store has forgotten it; not before that, where `open` is not 0. */
  until: number;
  /** Lines, one bit each, of which the `since` is not found out: it stands at the second of the last report. */
  open: number;
  /** The window of the verdict whose lease it has; null: it has had no verdict. */
  leasedAt: Seen | null;
  /** Seconds for which its score would last have stayed above a line: the next time about as many. */
  stays: number;
}
export const newKept = (): Kept => ({
  record: null,
  until: 0,
  open: 0,
  leasedAt: null,
  stays: 0,
});

/** What a gateway reports of a client. */
export interface Told {
  /** Pairs of second and hits, oldest first. */
  hits: readonly (readonly [number, number])[];
  added: readonly Step[];
  /** Tier index that the gateway holds, -1 if it says none. */
  tier: number;
  /** Hits that are left of a lease that holds, -1 without one. */
  leased: number;
}
/** A verdict. */
export interface Said {
  score: number;
  tier: number;
  requests_60s: number;
  held: boolean;
  /** Of the lease; 0: the one that the gateway has. */
  ttl_ms: number;
}

/** Steps by which a lease is found out: as far as somebody needs to know. */
const STEPS = [8, 64, 512, MOST];
const BEST: Standing = { tier: 0, since: [], returned: 0 };
const ONE: Part = { n: 1, exact: true };
const ENDLESS: Part = { n: MOST, exact: true };

export class BacktestScorer {
  readonly lines: Lines;
  readonly #monotone: boolean;
  readonly #hitsOnly: boolean;
  readonly #scores: Scores;
  readonly #windows: Windows;

  constructor(model: Judging, hysteresis: Omit<Lines, 'thresholds'>) {
    this.#scores = new Scores(model);
    this.#windows = new Windows(this.#scores);
    this.#monotone = model.monotone;
    this.#hitsOnly = hitsOnly(model.features);
    this.lines = { thresholds: model.thresholds, ...hysteresis };
  }

  /** Counts a report as record.ts's add() does, and says what becomes of the client. */
  report(kept: Kept, told: Told, now: Moment): Said {
    const before = this.#count(kept, told, now.s);
    const record = kept.record ?? emptyRecord(this.lines.thresholds.length);
    const seen = this.#windows.at(record.track, now.s);
    const { score } = seen;
    const hits = seen.sums[HITS] as number;
    if (kept.open !== 0) this.#closeFallen(kept, record, before as Track, score, now.s);
    const lines = this.lines.thresholds.length;
    const standing = seenWith(score, standingOf(record, told.tier, lines, now.s), this.lines, now.s);
    const tier = nextTier(score, standing, this.lines, now.s, hits);
    this.#hold(kept, record, standing, tier, score, now.s);
    const held = tier > tierOf(score, this.lines.thresholds);
    const same = tier === Math.max(0, told.tier) && !held && this.#holdsOn(seen, tier, told.leased);
    const ttl_ms = same ? 0 : this.#grant(kept, record, tier, seen, now);
    const rounded = Math.round(score * 1e6) / 1e6;
    return { score: rounded, tier, requests_60s: hits, held, ttl_ms };
  }

  /** @returns the track as it was at the last report, where that is needed */
  #count(kept: Kept, { hits, added }: Told, now: number): Track | null {
    if (kept.until <= now && kept.open !== 0) this.#close(kept, kept.record as ClientRecord);
    if (kept.until <= now) kept.record = null;
    if (hits.length === 0 && added.length === 0) return kept.record?.track ?? null;
    const into = (kept.record ??= emptyRecord(this.lines.thresholds.length));
    // A report says of its other observations only that they are as old as its youngest hit.
    const second = hits[hits.length - 1]?.[0] ?? now;
    const before = kept.open === 0 ? null : copyFrom(into.track, hits[0]?.[0] ?? now);
    for (const [at, n] of hits) addHits(into.track, at, n);
    for (const one of added) addStep(into.track, second, one);
    prune(into.track, now);
    return before;
  }

  /** Finds out `since` of the open lines that the score has fallen below, or whose hold may be over. */
  #closeFallen(kept: Kept, { since }: ClientRecord, before: Track, score: number, now: number): void {
    const { thresholds, holds } = this.lines;
    for (let i = 0; i < thresholds.length; i++) {
      if ((kept.open & (1 << i)) === 0) continue;
      const holding = score >= (thresholds[i] as number) || now - (since[i] as number) < (holds[i] ?? 0);
      if (score < releaseLine(this.lines, i) || !holding) this.#find(kept, since, i, before);
    }
    kept.open = 0;
  }

  /** Finds out `since` of all open lines, before the track goes on. */
  #close(kept: Kept, record: ClientRecord): void {
    const at = Math.max(...record.since); // that of the last report, as the open ones are
    for (let i = 0; i < record.since.length; i++)
      if ((kept.open & (1 << i)) !== 0) this.#find(kept, record.since, i, record.track);
    kept.open = 0;
    kept.until = at + keptFor(record, this.lines, at);
  }

  #find(kept: Kept, since: number[], line: number, track: Track): void {
    const at = since[line] as number;
    const question = decay(historyOf(track), this.#scores.features, releaseLine(this.lines, line), at);
    question.hint = kept.stays;
    kept.stays = this.#scores.last(question);
    since[line] = at + kept.stays;
  }

  /** Writes the tier into the record. */
  #hold(kept: Kept, record: ClientRecord, before: Standing, tier: number, score: number, now: number): void {
    if (tier > 0 || record.tier > 0 || before.returned > record.returned) {
      record.returned = returnedAt(tier, before, now);
      for (let i = 0; i < record.since.length; i++) {
        const above = i < tier && score >= releaseLine(this.lines, i);
        if (above) kept.open |= 1 << i;
        record.since[i] = above ? now : i < tier ? (before.since[i] as number) : 0;
      }
      record.tier = tier;
      kept.record = record;
    }
    if (kept.record !== null) kept.until = now + keptFor(record, this.lines, now);
  }

  /** @returns for how long the lease holds, ms; how much it is about is found out when somebody asks */
  #grant(kept: Kept, record: ClientRecord, tier: number, seen: Seen, now: Moment): number {
    kept.leasedAt = seen;
    if (tier === 0) return TTL_MS;
    const ttl_ms = clampTtl(improvesIn(record, this.lines, now));
    if (ttl_ms === TTL_MS || kept.open === 0) return ttl_ms;
    this.#close(kept, record);
    return clampTtl(improvesIn(record, this.lines, now));
  }

  /** Whether the hits that are left of a lease still do not reach the line. */
  #holdsOn(seen: Seen, tier: number, left: number): boolean {
    if (left < 0 || this.lines.thresholds[tier] === undefined) return left >= 0;
    const { parts } = leaseOf(seen, tier);
    const known = parts[BY_HITS] as Part;
    if (this.#monotone && (known.exact || left <= known.n)) return left <= known.n;
    const question = hitsQuestion(this.#below(seen, tier), this.#scores.features);
    const holds = this.#scores.at(question, left) < question.line;
    if (holds && this.#monotone) parts[BY_HITS] = { n: left, exact: false };
    return holds;
  }

  #below({ sums }: Seen, tier: number): Below {
    return { sums, line: this.lines.thresholds[tier] as number, ttl_ms: 1 };
  }

  /** The harmless signs of the lease that judge() would have granted. */
  harmless(kept: Kept, tier: number): number {
    if (!this.#monotone) return 0;
    if (this.#hitsOnly || this.lines.thresholds[tier] === undefined) return ALL_SIGNS;
    const seen = kept.leasedAt as Seen;
    const lease = leaseOf(seen, tier);
    if (lease.harmless < 0) lease.harmless = this.#scores.harmless(this.#below(seen, tier));
    return lease.harmless;
  }

  /**
   * A part of the lease that judge() would have granted, at least as far as `need` goes.
   * @param what its dimension
   * @param harmless as above; for errors and signs
   * @returns its number, or where not `exact`, one that it has at least
   */
  lease(kept: Kept, tier: number, what: number, need: number, harmless: number): Part {
    if (!this.#monotone) return ONE;
    if (this.lines.thresholds[tier] === undefined) return ENDLESS;
    const seen = kept.leasedAt as Seen;
    const { parts } = leaseOf(seen, tier);
    const known = parts[what] as Part;
    if (known.exact || known.n > need) return known;
    const question = this.#question(this.#below(seen, tier), what, harmless);
    return (parts[what] = this.#part(question, what, need));
  }

  #part(question: Question, what: number, need: number): Part {
    const step = STEPS.find((n) => n >= need) as number;
    const holds = this.#scores.at(question, step) < question.line;
    if (holds && step < MOST) return { n: step, exact: false };
    question.to = step;
    const n = holds ? MOST : this.#scores.last(question);
    return { n: what === BY_HITS ? n : Math.min(MOST, n + 1), exact: true };
  }

  #question(below: Below, what: number, harmless: number): Question {
    const names = this.#scores.features;
    if (what === BY_HITS || this.#hitsOnly) return hitsQuestion(below, names);
    return worseQuestions(below, names, MOST, harmless)[what === ERRORS ? 0 : 1];
  }
}

const standingOf = (record: ClientRecord, reported: number, lines: number, now: number): Standing =>
  record.tier >= 0 ? record : reported >= 0 ? restored(reported, lines, now) : BEST;
