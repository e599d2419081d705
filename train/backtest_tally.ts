/** Routed requests → figures: per tier, and per client. */
import type { Arrival } from './backtest_source.ts';
import type { Routed } from './backtest_gateway.ts';

export interface TierTally {
  clients: number;
  requests: number;
  bytes: number;
}
export interface ClientTally {
  key: string;
  requests: number;
  /** Requests by tier. */
  by: Uint32Array;
  worst: number;
  /** Which of its requests was the first that did not go to the best tier, from 1; 0 if none. */
  diverted: number;
  /** How often a request went to another tier than the one before; and most of that in one day (UTC). */
  changes: number;
  changesOfDay: number;
  mostChanges: number;
  day: number;
  last: number;
}

const DAY_MS = 86_400_000;

export class Tally {
  readonly tiers: TierTally[];
  /** By number. */
  readonly clients = new Map<number, ClientTally>();
  readonly origins: Record<string, number> = {};
  requests = 0;
  first = Infinity;
  last = -Infinity;

  constructor(tiers: number) {
    this.tiers = Array.from({ length: tiers }, () => ({ clients: 0, requests: 0, bytes: 0 }));
  }

  add({ client, bytes, at }: Arrival, { tier, origin }: Routed): void {
    this.requests += 1;
    this.first = Math.min(this.first, at);
    this.last = Math.max(this.last, at);
    this.origins[origin] = (this.origins[origin] ?? 0) + 1;
    const of = this.tiers[tier] as TierTally;
    of.requests += 1;
    of.bytes += bytes;
    let c = this.clients.get(client.number);
    if (c === undefined) this.clients.set(client.number, (c = this.#newClient(client.key, tier)));
    c.requests += 1;
    c.by[tier] = (c.by[tier] as number) + 1;
    if (c.by[tier] === 1) of.clients += 1;
    if (tier > c.worst) c.worst = tier;
    if (tier > 0 && c.diverted === 0) c.diverted = c.requests;
    if (tier !== c.last) change(c, tier, Math.floor(at / DAY_MS));
  }

  /** Clients that did not always go to the best tier: the worst tier first, then most requests there. */
  diverted(): ClientTally[] {
    return [...this.clients.values()]
      .filter((c) => c.diverted > 0)
      .sort((a, b) => b.worst - a.worst || (b.by[b.worst] as number) - (a.by[a.worst] as number));
  }

  /** Most changes of tier that one client had in one day. */
  mostChanges(): { key: string; changes: number } {
    let most = { key: '', changes: 0 };
    for (const { key, mostChanges } of this.clients.values())
      if (mostChanges > most.changes) most = { key, changes: mostChanges };
    return most;
  }

  #newClient(key: string, tier: number): ClientTally {
    const by = new Uint32Array(this.tiers.length);
    const changes = { changes: 0, changesOfDay: 0, mostChanges: 0, day: 0, last: tier };
    return { key, requests: 0, by, worst: 0, diverted: 0, ...changes };
  }
}

function change(c: ClientTally, tier: number, day: number): void {
  c.last = tier;
  c.changes += 1;
  c.changesOfDay = c.day === day ? c.changesOfDay + 1 : 1;
  c.day = day;
  c.mostChanges = Math.max(c.mostChanges, c.changesOfDay);
}
