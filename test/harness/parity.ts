/** A client in the log and in what was reported of it: both must come to the same. */
import assert from 'node:assert/strict';
import { noPages, type Pages } from '../../scorer/form.ts';
import { clientKey } from '../../scorer/key.ts';
import { MOST } from '../../scorer/lease.ts';
import { observeEnd, observeNext, type Added } from '../../scorer/observations.ts';
import { toReported } from '../../scorer/reported.ts';
import type { ReportClient } from '../../scorer/schemas.ts';
import { split } from '../../scorer/store/record.ts';
import { addObserved, emptyTrack, stepOf, windowAt } from '../../scorer/window.ts';
import { DIMENSIONS } from '../../train/backtest_client.ts';
import { newKept, type BacktestScorer, type Kept, type Told } from '../../train/backtest_scorer.ts';
import type { LogRow } from '../../train/line.ts';
import type { Verdict } from './relay.ts';

/** What is in the log of a client and has not been reported yet. */
export interface Waiting {
  key: string;
  /**
   * What the scorer may hold of the client: one record, but where a second ended while a report was on its way two, until
   * a verdict tells which was right.
   */
  held: Kept[];
  /** What it asked for last. */
  pages: Pages;
  /** By arrival. */
  arrived: LogRow[];
  /** Those whose answers add something, in the order of the log, which is written when answers end. */
  ended: LogRow[];
}

/** By client key. */
export function waiting(lines: readonly LogRow[]): Map<string, Waiting> {
  const clients = new Map<string, Waiting>();
  for (const row of lines) {
    const key = clientKey(row.client) as string;
    const one = clients.get(key) ?? {
      key,
      held: [newKept()],
      pages: noPages(),
      arrived: [],
      ended: [],
    };
    one.arrived.push(row);
    if (Object.keys(observeEnd(row, row.status).counts).length > 0) one.ended.push(row);
    clients.set(key, one);
  }
  for (const { arrived } of clients.values()) arrived.sort((a, b) => a.time - b.time);
  return clients;
}

/** What some observations come to. */
function together(added: readonly Added[]): unknown {
  const track = emptyTrack();
  for (const one of added) addObserved(track, 0, one);
  const { counts, distinct } = windowAt(track, 0);
  return { counts, distinct };
}
const equal = (one: unknown, other: unknown): boolean => {
  try {
    assert.deepEqual(one, other);
    return true;
  } catch {
    return false;
  }
};

/** Takes a client's reported requests and answers out of the log, and holds what they add against the report. */
function taken(one: Waiting, reported: ReportClient): Added[] {
  const hits = (reported.hits ?? []).reduce((sum, [, n]) => sum + n, 0);
  const arrivals = one.arrived.splice(0, hits).map((row) => observeNext(row, one.pages, row.time));
  assert.equal(arrivals.length, hits, `${one.key}: more hits reported than the log has requests`);
  const expected = together([split(toReported(reported, 0).added)]);
  for (let answers = 0; answers <= one.ended.length; answers++) {
    const added = [...arrivals, ...one.ended.slice(0, answers).map((row) => observeEnd(row, row.status))];
    if (!equal(together(added), expected)) continue;
    one.ended.splice(0, answers);
    return added;
  }
  assert.deepEqual(together(arrivals), expected, `${one.key}: what was reported is not what the log has`);
  return [];
}

/** What the backtest says to what is told of one client in a second. */
function said(
  backtest: BacktestScorer,
  key: string,
  kept: Kept,
  told: Told,
  second: number,
  tiers: readonly string[],
): unknown {
  const { score, tier, requests_60s, ttl_ms } = backtest.report(kept, told, { s: second, ms: 0 });
  const about = { ip: key, score, tier: tiers[tier], requests_60s };
  if (ttl_ms === 0) return { ...about, lease: null };
  const harmless = backtest.harmless(kept, tier);
  const lease: Record<string, number> = { harmless };
  DIMENSIONS.forEach((name, what) => (lease[name] = backtest.lease(kept, tier, what, MOST, harmless).n));
  return { ...about, lease };
}

/** The same of what the scorer said; how long the lease holds goes by milliseconds that nobody knows. */
const recorded = ({ ip, lease, score, tier, requests_60s }: Verdict): unknown => {
  const { ttl_ms: _, ...rest } = lease ?? {};
  return { ip: clientKey(ip), score, tier, requests_60s, lease: lease === undefined ? null : rest };
};

/** Follows one client through a report, and holds what the backtest says against the verdict that it had. */
export function follow(
  backtest: BacktestScorer,
  one: Waiting,
  reported: ReportClient,
  verdict: Verdict,
  seconds: readonly number[],
  tiers: readonly string[],
): void {
  const added = taken(one, reported);
  const held: Kept[] = [];
  let differing: unknown;
  for (const before of one.held) {
    for (const second of seconds) {
      const kept = structuredClone(before);
      const hits = (reported.hits ?? []).map(([age, n]): [number, number] => [second - age, n]);
      const told = {
        hits,
        added: added.map(stepOf),
        tier: tiers.indexOf(reported.tier ?? ''),
        leased: reported.leased ?? -1,
      };
      const answer = said(backtest, one.key, kept, told, second, tiers);
      if (!equal(answer, recorded(verdict))) differing = answer;
      else if (!held.some((other) => equal(other, kept))) held.push(kept);
    }
  }
  if (held.length === 0) assert.deepEqual(differing, recorded(verdict));
  one.held = held;
}
