/**
 * The scorer of a backtest: records in memory, judged by judge(). What it leaves out of judge() until somebody asks is
 * the length of the lease: most verdicts of a log are followed by nothing that could use one up.
 */
import { judge, type Judging, type Subject, type Verdict } from '../scorer/judge.ts';
import {
  ALL_SIGNS,
  MOST,
  harmlessOf,
  hitsOnly,
  hitsQuestion,
  worseQuestions,
  type Below,
} from '../scorer/lease.ts';
import { WIDTH, sumsAt } from '../scorer/sums.ts';
import { search, type Question } from '../scorer/search.ts';
import type { Added } from '../scorer/observations.ts';
import { emptyRecord, type ClientRecord } from '../scorer/store/record.ts';
import { keptFor } from '../scorer/store/standing.ts';
import type { Moment } from '../scorer/store/store.ts';
import type { Lines } from '../scorer/tier.ts';
import type { Dimension } from './backtest_client.ts';
import { Memo, remembering } from './backtest_memo.ts';
import { addHits, addObserved, prune, windowAt } from '../scorer/window.ts';

/** What the scorer holds of a client. */
export interface Kept {
  key: string;
  record: ClientRecord | null;
  /** Second from which on the store has forgotten it. */
  until: number;
}
/** What a gateway reports of a client. */
export interface Told {
  kept: Kept;
  /** Pairs of second and hits, oldest first. */
  hits: readonly (readonly [number, number])[];
  added: readonly Added[];
  /** Tier index that the gateway holds, -1 if it says none. */
  tier: number;
}

/** As much as is known of a part of a lease. */
interface Part {
  n: number;
  exact: boolean;
}
type Parts = Partial<Record<Dimension, Part>>;

/** Steps by which a lease is found out: as far as somebody needs to know. */
const STEPS = [8, 64, 512, MOST];

export class BacktestScorer {
  readonly lines: Lines;
  readonly #model: Judging;
  /** The same model, of which judge() grants leases of 1 without a search. */
  readonly #unleased: Judging;
  /** Leases by what is in the window, and the tier: equal windows have equal ones. */
  readonly #memo = new Memo(WIDTH + 1);
  readonly #key = new Float64Array(WIDTH + 1);
  readonly #harmless = new Int32Array(Memo.places);
  readonly #parts: Parts[] = [];

  constructor(model: Judging, { margin, holds }: Pick<Lines, 'margin' | 'holds'>) {
    this.#model = remembering(model);
    this.#unleased = { ...this.#model, monotone: false };
    this.lines = { thresholds: model.thresholds, margin, holds };
  }

  /** Counts a report as record.ts's add() does, and says what becomes of its clients; of leases only `ttl_ms` is true. */
  async report(told: readonly Told[], now: Moment): Promise<Verdict[]> {
    const subjects = told.map((one): Subject => {
      this.#count(one, now.s);
      return { key: one.kept.key, record: one.kept.record, reported: one.tier, pin: -1 };
    });
    const { verdicts, held } = await judge(this.#unleased, subjects, this.lines, now);
    for (const { key, tier, since } of held) {
      const kept = (told.find((one) => one.kept.key === key) as Told).kept;
      kept.record ??= emptyRecord(since.length);
      Object.assign(kept.record, { tier, since: [...since] });
    }
    for (const { kept } of told)
      if (kept.record !== null) kept.until = now.s + keptFor(kept.record, this.lines.holds, now.s);
    return verdicts;
  }

  #count({ kept, hits, added }: Told, now: number): void {
    if (kept.until <= now) kept.record = null;
    if (hits.length === 0 && added.length === 0) return;
    const into = (kept.record ??= emptyRecord(this.lines.thresholds.length));
    into.last = Math.max(into.last, now);
    for (const [second, n] of hits) addHits(into.track, second, n);
    // A report says of its other observations only that they are as old as its youngest hit.
    const second = hits[hits.length - 1]?.[0] ?? now;
    for (const one of added) addObserved(into.track, second, one);
    prune(into.track, now);
  }

  /** Where what is known of the lease that judge() would have granted at second `now` stands; -1 if nothing can use it up. */
  #place(kept: Kept, tier: number, now: number): number {
    if (kept.record === null || this.lines.thresholds[tier] === undefined) return -1;
    sumsAt(kept.record.track, now, this.#key);
    this.#key[WIDTH] = tier;
    const { place, known } = this.#memo.find(this.#key, 0);
    if (known) return place;
    this.#harmless[place] = -1;
    this.#parts[place] = {};
    return place;
  }

  #below({ record }: Kept, tier: number, now: number): Below {
    const { track } = record as ClientRecord;
    return { window: windowAt(track, now), line: this.lines.thresholds[tier] as number, ttl_ms: 1 };
  }

  /** The harmless signs of the lease that judge() would have granted at second `now`. */
  async harmless(kept: Kept, tier: number, now: number): Promise<number> {
    if (!this.#model.monotone) return 0;
    if (hitsOnly(this.#model.features)) return ALL_SIGNS;
    const place = this.#place(kept, tier, now);
    if (place < 0) return ALL_SIGNS;
    if (this.#harmless[place] === -1)
      this.#harmless[place] = (await harmlessOf(this.#model, [this.#below(kept, tier, now)]))[0] as number;
    return this.#harmless[place] as number;
  }

  /**
   * A part of the lease that judge() would have granted at second `now`, at least as far as `need` goes.
   * @param harmless as above; for errors and signs
   * @returns its number, or where not `exact`, one that it has at least
   */
  async lease(
    kept: Kept,
    tier: number,
    now: number,
    what: Dimension,
    need: number,
    harmless: number,
  ): Promise<Part> {
    if (!this.#model.monotone) return { n: 1, exact: true };
    const place = this.#place(kept, tier, now);
    if (place < 0) return { n: MOST, exact: true };
    const parts = this.#parts[place] as Parts;
    const known = parts[what];
    if (known !== undefined && (known.exact || known.n > need)) return known;
    return (parts[what] = await this.#find(
      this.#question(this.#below(kept, tier, now), what, harmless),
      what,
      need,
    ));
  }

  async #find(question: Question, what: Dimension, need: number): Promise<Part> {
    const step = STEPS.find((n) => n >= need) as number;
    const holds = await this.#holds(question, step);
    if (holds && step < MOST) return { n: step, exact: false };
    const n = holds ? MOST : ((await search(this.#model, [{ ...question, to: step }]))[0] as number);
    return { n: what === 'hits' ? n : Math.min(MOST, n + 1), exact: true };
  }

  #question(below: Below, what: Dimension, harmless: number): Question {
    const names = this.#model.features;
    if (what === 'hits' || hitsOnly(names)) return hitsQuestion(below, names);
    return worseQuestions(below, names, MOST, harmless)[what === 'errors' ? 0 : 1];
  }

  async #holds(question: Question, n: number): Promise<boolean> {
    const row = new Float64Array(this.#model.features.length);
    question.fill(n, row, 0);
    const scored = this.#model.score(row, 1);
    const [score] = scored instanceof Promise ? await scored : scored;
    return (score as number) < question.line;
  }
}
