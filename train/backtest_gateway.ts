/**
 * The gateway of a backtest, on a virtual clock: what lua/scoregate/gateway.lua, report.lua and sender.lua do with a
 * scorer that answers at once. So no wait runs out, nobody gets the default tier, and what would share one refresh in a
 * burst asks each by itself.
 */
import type { Judging } from '../scorer/judge.ts';
import { MOST } from '../scorer/lease.ts';
import type { Look } from '../scorer/observations.ts';
import type { Lines } from '../scorer/tier.ts';
import { isNothing, stepOf, type Step } from '../scorer/window.ts';
import * as client from './backtest_client.ts';
import type { Client } from './backtest_client.ts';
import { Queue } from './backtest_queue.ts';
import { Recent } from './backtest_recent.ts';
import { BacktestScorer } from './backtest_scorer.ts';
import type { Arrival } from './backtest_source.ts';

// As in report.lua and sender.lua.
const [UNREPORTED_MS, UNREPORTED_MANY_MS, MANY, BATCH, TICK_MS] = [750, 9750, 5000, 512, 200];
const CLIENT_WENT_AWAY = 499;

export const ORIGINS = ['leased', 'fresh', 'stale', 'held'] as const;
export type Origin = (typeof ORIGINS)[number];

/** Where a request would have gone. */
export interface Routed {
  tier: number;
  score: number;
  origin: Origin;
}

export interface LeaseCounts {
  /** Reports with clients in them, and verdicts in these. */
  calls: number;
  verdicts: number;
  /** Why a verdict was asked for. */
  firstSeen: number;
  usedUp: number;
  ended: number;
  early: number;
  /** Reports that nobody waits for: what was not told within a second. */
  unreported: number;
}

/** Looks are few, the same for requests that are alike: each holds what it was found to be. */
function stepFor(look: Look & { step?: Step }): Step {
  return (look.step ??= stepOf(look.added));
}

/** Whether the log phase has anything to do. */
const isLookedAt = ({ status, answered }: Arrival): boolean => status >= 400 || !isNothing(stepFor(answered));

export class BacktestGateway {
  readonly counts: LeaseCounts = {
    calls: 0,
    verdicts: 0,
    firstSeen: 0,
    usedUp: 0,
    ended: 0,
    early: 0,
    unreported: 0,
  };
  readonly #scorer: BacktestScorer;
  readonly #clients: Recent<Client>;
  readonly #ends = new Queue<{ c: Client; arrival: Arrival }>();
  /** By when they became dirty; those reported since are passed over. */
  readonly #dirty = new Queue<Client>();
  #dirtyCount = 0;

  /** @param most clients that the gateway remembers; the least recently seen go */
  constructor(model: Judging, hysteresis: Omit<Lines, 'thresholds'>, most: number) {
    this.#scorer = new BacktestScorer(model, hysteresis);
    this.#clients = new Recent(most);
  }

  /** Clients forgotten for want of room. */
  get forgotten(): number {
    return this.#clients.forgotten;
  }

  /** A request arrives: the access phase. Requests must come in the order of time. */
  arrive(arrival: Arrival): Routed {
    const { at, arrived } = arrival;
    const { number } = arrival.client;
    this.#advance(at);
    const c = this.#clients.get(number) ?? this.#clients.add(client.newClient(number));
    this.#catchUp(c);
    const second = Math.floor(at / 1000);
    client.countHit(c, second);
    this.#soil(c, at);
    client.countAdded(c, stepFor(arrived));
    if (arrived.signs !== 0) this.#showSigns(c, arrived.signs);
    this.#know(c);
    const routed = this.#route(c, at);
    if (isLookedAt(arrival)) this.#ends.add(arrival.ends, { c, arrival });
    return routed;
  }

  /** Lets the answers of all requests end, and everything be reported. */
  finish(): void {
    this.#advance(Infinity);
  }

  #route(c: Client, now: number): Routed {
    const state = client.state(c, now);
    if (state === client.HOLDS || state === client.ENDED) {
      const early = state === client.HOLDS && client.nearlySpent(c);
      const routed = settle(c, state === client.HOLDS ? 'leased' : 'stale');
      if (early) this.counts.early += 1;
      else if (state === client.ENDED) this.counts.ended += 1;
      if (early || state === client.ENDED) this.#report(c, now);
      return routed;
    }
    if (state === client.NONE) this.counts.firstSeen += 1;
    else this.counts.usedUp += 1;
    this.#report(c, now);
    return settle(c, 'fresh');
  }

  /** An answer has ended: the log phase. */
  #end({ c, arrival: { status, answered, ends } }: { c: Client; arrival: Arrival }): void {
    this.#catchUp(c);
    this.#soil(c, ends);
    client.countAdded(c, stepFor(answered));
    if (status < 400 || status === CLIENT_WENT_AWAY) return;
    c.errors.n += 1;
    this.#know(c);
    if (client.state(c, ends) !== client.USED_UP) return;
    this.counts.usedUp += 1;
    this.#report(c, ends);
  }

  #soil(c: Client, now: number): void {
    if (c.dirtyAt >= 0) return;
    c.dirtyAt = now;
    this.#dirty.add(now, c);
    this.#dirtyCount += 1;
  }

  /** Does what is due up to `now`: answers end, and the sender looks for what is unreported. */
  #advance(now: number): void {
    for (;;) {
      this.#passOver();
      const patience = this.#dirtyCount > MANY ? UNREPORTED_MANY_MS : UNREPORTED_MS;
      const tick = Math.ceil((this.#dirty.next + patience) / TICK_MS) * TICK_MS;
      const end = this.#ends.next;
      if (Math.min(end, tick) > now || (end === Infinity && tick === Infinity)) return;
      if (end <= tick) this.#end(this.#ends.take());
      else this.#reportUnreported(tick - patience, tick);
    }
  }

  /** Takes those out of the queue that were reported since they became dirty. */
  #passOver(): void {
    const dirty = this.#dirty;
    while (dirty.first !== undefined && dirty.first.dirtyAt !== dirty.next) dirty.take();
  }

  /** Reports what nobody waits for. The verdicts are found out when the clients are seen again: many never are. */
  #reportUnreported(since: number, now: number): void {
    let n = 0;
    while (n < BATCH && this.#dirty.next <= since) {
      const at = this.#dirty.next;
      const c = this.#dirty.take();
      if (c.dirtyAt !== at) continue;
      c.dirtyAt = -1;
      c.toldAt = now;
      n += 1;
    }
    this.#dirtyCount -= n;
    this.counts.unreported += n;
    this.counts.verdicts += n;
    this.counts.calls += 1;
  }

  /** Finds out the verdict of a client that was reported meanwhile. */
  #catchUp(c: Client): void {
    if (c.toldAt >= 0) this.#judge(c, c.toldAt);
  }

  /** Reports a client and gives it its verdict. */
  #report(c: Client, now: number): void {
    this.counts.calls += 1;
    this.counts.verdicts += 1;
    if (c.dirtyAt >= 0) this.#dirtyCount -= 1;
    c.dirtyAt = -1;
    this.#judge(c, now);
  }

  #judge(c: Client, now: number): void {
    const { holds } = this.#scorer.lines;
    const young = c.tier > 0 && now - c.verdictAt < 1000 * (holds[c.tier - 1] ?? 0);
    const leased = c.tier === 0 || young ? this.#left(c, now) : -1;
    const tier = young ? c.tier : c.tier > 0 ? 0 : -1;
    const told = { hits: c.newHits, added: c.newAdded, tier, leased };
    client.told(c);
    const said = this.#scorer.report(c.kept, told, { s: Math.floor(now / 1000), ms: Math.floor(now % 1000) });
    if (said.ttl_ms > 0) client.grant(c, said, now);
    else client.renew(c, said, now);
  }

  /** The hits that are left of a lease that holds and is not nearly spent, -1 without one. */
  #left(c: Client, now: number): number {
    if (client.state(c, now) !== client.HOLDS || client.nearlySpent(c)) return -1;
    const { hits } = c;
    if (!hits.exact) {
      hits.lease = this.#scorer.lease(c.kept, c.tier, client.HITS, MOST, 0).n;
      hits.exact = true;
    }
    return client.nearlySpent(c) ? -1 : hits.taken + hits.lease - hits.n;
  }

  /** A sign that the lease does not call harmless ends it. */
  #showSigns(c: Client, signs: number): void {
    c.signs.n += 1;
    if (c.tier < 0 || c.cut) return;
    this.#knowHarmless(c);
    if ((signs & ~c.harmless) !== 0) c.cut = true;
  }

  #knowHarmless(c: Client): void {
    if (c.harmless < 0) c.harmless = this.#scorer.harmless(c.kept, c.tier);
  }

  /** Finds out as much of a client's lease as its counters have come to need. */
  #know(c: Client): void {
    if (c.tier < 0 || c.cut) return;
    this.#knowPart(c, c.hits, client.HITS);
    this.#knowPart(c, c.errors, client.ERRORS);
    this.#knowPart(c, c.signs, client.SIGNS);
  }

  #knowPart(c: Client, counter: client.Counter, what: number): void {
    const need = client.need(counter);
    if (need === 0) return;
    if (what !== client.HITS) this.#knowHarmless(c);
    const { n, exact } = this.#scorer.lease(c.kept, c.tier, what, need, c.harmless);
    counter.lease = n;
    counter.exact = exact;
  }
}

const settle = (c: Client, origin: Origin): Routed => ({
  tier: c.tier,
  score: c.score,
  origin: c.held && origin !== 'stale' ? 'held' : origin,
});
