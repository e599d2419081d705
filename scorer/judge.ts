/** Records → verdicts: score, tier and lease of every client of a batch, in a few calls of the model. */
import { featuresOf } from './features.ts';
import { clampTtl, leases, longest, shortest, type Lease } from './lease.ts';
import type { Model } from './model.ts';
import { search, type Question } from './search.ts';
import type { Held, Moment, Standing } from './store/store.ts';
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
} from './tier.ts';
import { HITS, WIDTH, plusHits, type History, type Sums } from './sums.ts';

export type Judging = Pick<Model, 'features' | 'thresholds' | 'monotone' | 'score'>;

/** What the store has of a client. */
export type Known = Standing & History;

export interface Subject {
  key: string;
  /** null: never seen. */
  record: Known | null;
  /** Tier index that the gateway holds, -1 if it says none. */
  reported: number;
  /** Tier index that somebody has pinned, -1 if none has. */
  pin: number;
  /** Hits that are left of the lease that its gateways have, -1 if none holds: it is kept while that is true. */
  leased: number;
}

export interface Verdict {
  key: string;
  score: number;
  /** Tier index. */
  tier: number;
  requests_60s: number;
  /** Absent: the one that the gateway has. */
  lease?: Lease;
  /** Milliseconds until the tier improves if no more hits come; Infinity for the best tier. */
  improvesMs: number;
  origin?: 'held' | 'pinned';
}

interface Case {
  subject: Subject;
  record: Known;
  /** Its window. */
  sums: Sums;
  score: number;
  before: Standing;
  after: { tier: number; since: number[]; returned: number };
}

/**
 * @param lines thresholds of the model, margin and holds of the configuration
 * @param now the store's clock
 * @returns a verdict per subject, in order, and the tiers that are to be written into their records
 */
export async function judge(
  model: Judging,
  subjects: readonly Subject[],
  lines: Lines,
  now: Moment,
): Promise<{ verdicts: Verdict[]; held: Held[] }> {
  const cases = await begin(model, subjects, lines, now);
  await settle(model, cases, lines, now);
  const leases = await grant(model, cases, lines, now);
  const verdicts = cases.map((one, i) => verdict(one, leases[i], lines, now));
  const held = cases.filter(differs).map(({ subject, record: { tier, since, returned }, after }) => ({
    key: subject.key,
    ...after,
    found: { tier, since, returned },
  }));
  return { verdicts, held };
}

/** Windows and scores, and the tiers that follow from them. */
async function begin(
  model: Judging,
  subjects: readonly Subject[],
  lines: Lines,
  now: Moment,
): Promise<Case[]> {
  const width = model.features.length;
  const rows = new Float64Array(subjects.length * width);
  const nobody = unknown(lines.thresholds.length);
  const records = subjects.map(({ record }) => record ?? nobody);
  const windows = records.map((record) => record.sumsAt(now.s));
  windows.forEach((sums, i) => featuresOf(sums, model.features, rows, i * width));
  const scores = subjects.length === 0 ? rows : await model.score(rows, subjects.length);
  return subjects.map((subject, i) => {
    const score = scores[i] as number;
    const record = records[i] as Known;
    const before = seenWith(score, standing(subject, record, lines, now.s), lines, now.s);
    const sums = windows[i] as Sums;
    const tier = nextTier(score, before, lines, now.s, sums[HITS] as number);
    const since = before.since.map((second, line) => (line < tier ? second : 0));
    const returned = returnedAt(tier, before, now.s);
    return { subject, record, sums, score, before, after: { tier, since, returned } };
  });
}

const unknown = (lines: number): Known => ({
  tier: -1,
  since: new Array<number>(lines).fill(0),
  returned: 0,
  sumsAt: (_, into = new Float64Array(WIDTH)) => into.fill(0),
});

function standing({ pin, reported }: Subject, record: Known, lines: Lines, now: number): Standing {
  if (record.tier >= 0) return record;
  // What a gateway holds of a pinned client is the pin, which says nothing of the client.
  return restored(pin >= 0 ? -1 : reported, lines.thresholds.length, now);
}

/** Until when the score will not have fallen below each line that the tier has crossed. */
async function settle(model: Judging, cases: readonly Case[], lines: Lines, now: Moment): Promise<void> {
  const questions: Question[] = [];
  const whose: [Case, number][] = [];
  for (const one of cases) {
    for (let i = 0; i < one.after.tier; i++) {
      const line = releaseLine(lines, i);
      if (one.score < line) continue;
      questions.push(decay(one.record, model.features, line, now.s, one.before.since[i]));
      whose.push([one, i]);
    }
  }
  const seconds = await search(model, questions);
  whose.forEach(([one, i], k) => (one.after.since[i] = now.s + (seconds[k] as number)));
}

const isHeld = ({ score, after }: Case, { thresholds }: Lines): boolean =>
  after.tier > tierOf(score, thresholds);

/** Whether all is as the gateway has it. */
const unchanged = (one: Case, lines: Lines): boolean =>
  one.subject.leased >= 0 &&
  one.subject.pin < 0 &&
  one.after.tier === Math.max(0, one.subject.reported) &&
  !isHeld(one, lines);

const scratch = new Float64Array(WIDTH);

/** Those whose lease holds on: nothing has changed, and the hits that are left of it still do not reach the line. */
async function keeping(model: Judging, cases: readonly Case[], lines: Lines): Promise<Set<Case>> {
  const { thresholds } = lines;
  const same = cases.filter((one) => unchanged(one, lines));
  // Beyond the worst tier there is no line.
  const asked = same.filter(({ after }) => after.tier < thresholds.length);
  const width = model.features.length;
  const rows = new Float64Array(asked.length * width);
  asked.forEach(({ subject, sums }, i) => {
    featuresOf(plusHits(sums, subject.leased, scratch), model.features, rows, i * width);
  });
  const scores = asked.length === 0 ? rows : await model.score(rows, asked.length);
  const kept = new Set(same);
  asked.forEach((one, i) => {
    if (!((scores[i] as number) < (thresholds[one.after.tier] as number))) kept.delete(one);
  });
  return kept;
}

/** A lease for everybody who needs one. */
async function grant(
  model: Judging,
  cases: readonly Case[],
  lines: Lines,
  now: Moment,
): Promise<(Lease | undefined)[]> {
  const kept = await keeping(model, cases, lines);
  const granted = cases.map((one): Lease | undefined => {
    if (kept.has(one)) return undefined;
    const { subject, after } = one;
    const most = model.monotone ? longest() : shortest();
    return subject.pin >= 0 ? longest() : { ...most, ttl_ms: clampTtl(improvesIn(after, lines, now)) };
  });
  if (!model.monotone) return granted;
  const asking = cases.flatMap(({ subject, sums, after }, i) => {
    const line = lines.thresholds[after.tier];
    const lease = granted[i];
    return line === undefined || lease === undefined || subject.pin >= 0
      ? []
      : [{ i, sums, line, ttl_ms: lease.ttl_ms }];
  });
  const found = await leases(model, asking);
  asking.forEach(({ i }, k) => (granted[i] = found[k] as Lease));
  return granted;
}

function verdict(one: Case, granted: Lease | undefined, lines: Lines, now: Moment): Verdict {
  const { subject, score, sums, after } = one;
  const pinned = subject.pin >= 0;
  const whole: Verdict = {
    key: subject.key,
    score: Math.round(score * 1e6) / 1e6,
    tier: pinned ? subject.pin : after.tier,
    requests_60s: sums[HITS] as number,
    ...(granted && { lease: granted }),
    improvesMs: improvesIn(after, lines, now),
  };
  if (pinned) whole.origin = 'pinned';
  else if (isHeld(one, lines)) whole.origin = 'held';
  return whole;
}

/** Whether the record must be told: a client in the best tier that has none written is in the best tier. */
function differs({ subject, record, after }: Case): boolean {
  if (after.returned > record.returned) return true;
  if (record.tier !== after.tier) return record.tier >= 0 || after.tier > 0 || subject.pin >= 0;
  if (after.tier === 0) return false; // a `since` there says when it was forgotten, which stays
  return after.returned !== record.returned || after.since.some((second, i) => second !== record.since[i]);
}
