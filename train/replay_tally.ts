/** Outcomes → figures: per tier, per client, and what failed. */
import type { Outcome } from './replay_send.ts';
import type { Planned } from './replay_plan.ts';

export interface ClientTally {
  key: string;
  requests: number;
  /** When each of its answered requests was due, performance.now() ms, ascending. */
  due: number[];
  /** Tier by number of the request, from 1, since answers come in any order. */
  diverted: { request: number; tier: string } | null;
}
export interface Tally {
  clients: Map<string, ClientTally>;
  /** By X-Tier; `none` where an answer had none. */
  tiers: Map<string, { requests: number; clients: Set<string> }>;
  done: number;
  failed: Map<string, number>;
  /** Answers of another status than the log's that are no failure, as `404 → 400`. */
  otherwise: Map<string, number>;
  again: number;
}

export const newTally = (): Tally => ({
  clients: new Map(),
  tiers: new Map(),
  done: 0,
  failed: new Map(),
  otherwise: new Map(),
  again: 0,
});

const count = (table: Map<string, number>, name: string): void => {
  table.set(name, (table.get(name) ?? 0) + 1);
};

/** Which request of its client each planned one is, from 1, in the order of sending. */
export function numbered(requests: readonly Planned[]): Map<Planned, number> {
  const seen = new Map<string, number>();
  return new Map(
    requests.map((planned) => {
      const number = (seen.get(planned.key) ?? 0) + 1;
      seen.set(planned.key, number);
      return [planned, number];
    }),
  );
}

/** @param undiverted the tiers that a client in good standing sees: the best one and the default one */
export function tallyOne(
  tally: Tally,
  planned: Planned,
  number: number,
  outcome: Outcome,
  undiverted: ReadonlySet<string>,
): void {
  const { key, row } = planned;
  const client = tally.clients.get(key) ?? { key, requests: 0, due: [], diverted: null };
  tally.clients.set(key, client);
  client.requests++;
  tally.done++;
  if (outcome.again) tally.again++;
  if (outcome.failed !== null) count(tally.failed, outcome.failed);
  if (outcome.status === null) return;
  client.due.push(outcome.due);
  if (outcome.failed === null && outcome.status !== row.status)
    count(tally.otherwise, `${row.status} → ${outcome.status}`);
  const tier = outcome.tier ?? 'none';
  const of = tally.tiers.get(tier) ?? { requests: 0, clients: new Set<string>() };
  tally.tiers.set(tier, of);
  of.requests++;
  of.clients.add(key);
  const first = client.diverted === null || number < client.diverted.request;
  if (outcome.tier !== null && !undiverted.has(outcome.tier) && first)
    client.diverted = { request: number, tier: outcome.tier };
}

/** The clients with the most requests, most first. */
export function top(tally: Tally, n: number): ClientTally[] {
  return [...tally.clients.values()].sort((a, b) => b.requests - a.requests).slice(0, n);
}
