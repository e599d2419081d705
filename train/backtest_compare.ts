/** Two models side by side: which requests and clients go elsewhere with the second. */
import type { Arrival } from './backtest_source.ts';
import type { Routed } from './backtest_gateway.ts';

export interface Mover {
  key: string;
  requests: number;
  /** Requests that go to another tier, and the tiers that they move by, worse ones counted up, better ones down. */
  moved: number;
  by: number;
  /** Worst tier with the first model, and with the second. */
  worst: [number, number];
}

export class Comparison {
  /** Requests: [tier with the first model][tier with the second]. */
  readonly requests: number[][];
  /** By number. */
  readonly clients = new Map<number, Mover>();

  constructor(tiers: number) {
    this.requests = Array.from({ length: tiers }, () => new Array<number>(tiers).fill(0));
  }

  add({ client }: Arrival, one: Routed, other: Routed): void {
    const row = this.requests[one.tier] as number[];
    row[other.tier] = (row[other.tier] as number) + 1;
    let mover = this.clients.get(client.number);
    if (mover === undefined) {
      mover = { key: client.key, requests: 0, moved: 0, by: 0, worst: [0, 0] };
      this.clients.set(client.number, mover);
    }
    mover.requests += 1;
    if (one.tier > mover.worst[0]) mover.worst[0] = one.tier;
    if (other.tier > mover.worst[1]) mover.worst[1] = other.tier;
    if (one.tier === other.tier) return;
    mover.moved += 1;
    mover.by += other.tier - one.tier;
  }

  /** Clients by worst tier: [with the first model][with the second]. */
  byWorst(): number[][] {
    const matrix = this.requests.map((row) => row.map(() => 0));
    for (const { worst } of this.clients.values()) {
      const row = matrix[worst[0]] as number[];
      row[worst[1]] = (row[worst[1]] as number) + 1;
    }
    return matrix;
  }

  /** Clients of which requests move, those first that move furthest in sum, either way. */
  movers(): Mover[] {
    return [...this.clients.values()]
      .filter(({ moved }) => moved > 0)
      .sort((a, b) => Math.abs(b.by) - Math.abs(a.by) || b.moved - a.moved);
  }
}
