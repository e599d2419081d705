/** The path of a report through the scorer: address → key, window, verdict, answer. Knows nothing of HTTP. */
import { RequestError } from './errors.ts';
import { judge, type Subject, type Verdict } from './judge.ts';
import type { Metrics } from './metrics.ts';
import type { Model } from './model.ts';
import { keyOf, toReported } from './reported.ts';
import type { Answer, Report, ReportClient, WireVerdict } from './schemas.ts';
import { changesAfter } from './store/changes.ts';
import { FallbackStore } from './store/fallback.ts';
import type { MemoryStore } from './store/memory.ts';
import { unpack } from './store/packed.ts';
import { decode, type ClientRecord } from './store/record.ts';
import type { Applied, Change, ChangeState, Reported, WindowStore } from './store/store.ts';
import { tierOf, type Lines } from './tier.ts';
import { emptyTrack, windowAt, type Window } from './window.ts';

export interface ServiceOptions {
  store: WindowStore;
  /** The store's memory, or the store itself. */
  memory: MemoryStore;
  model: () => Model;
  /** Best first. */
  tiers: readonly string[];
  defaultTier: string;
  hysteresis: Omit<Lines, 'thresholds'>;
  metrics: Metrics;
  log: { warn(data: object, text: string): void };
}

/** What there is to say of one client. */
export interface Seen {
  verdict: Verdict;
  tier: string;
  origin: 'fresh' | 'held' | 'pinned' | 'default';
  record: ClientRecord | null;
  window: Window;
  applied: Applied;
  /** The tier that the score alone would give. */
  scoreTier: string;
}

/** Most pins: every gateway that starts is told of all. */
const MOST_PINS = 4096;

export class Service {
  readonly memory: MemoryStore;
  readonly #o: ServiceOptions;
  readonly #tierIndex: Map<string, number>;
  gateways = 1;
  generation = 0;
  pins = 0;

  constructor(options: ServiceOptions) {
    this.#o = options;
    this.memory = options.memory;
    this.#tierIndex = new Map(options.tiers.map((name, i) => [name, i]));
    options.metrics.watch(this);
  }

  get model(): Model {
    return this.#o.model();
  }

  storeInUse(): 'redis' | 'memory' {
    const { store } = this.#o;
    return store instanceof FallbackStore ? store.mode : 'memory';
  }

  /** What an outage of Redis has led to; `reason` while there is one. */
  outage(): { reason?: string; waiting: number; replayed: number; dropped: number } {
    const { store } = this.#o;
    if (!(store instanceof FallbackStore)) return { waiting: 0, replayed: 0, dropped: 0 };
    const { waiting, replayed, dropped } = store;
    return { ...(store.mode === 'redis' ? {} : { reason: store.reason }), waiting, replayed, dropped };
  }

  /**
   * Counts a report and says what becomes of its clients.
   * @param gateway the gateway that shows thereby that it is alive; '' for none
   * @throws RequestError 400 INVALID_ADDRESS
   */
  async report(report: Report, gateway: string): Promise<Answer> {
    const clients = report.clients.map(toReported);
    const { sender, seq } = report;
    const applied = await this.#o.store.apply({ sender, seq, gateway, clients, at: performance.now() });
    const state = await this.#note(applied);
    this.#count(clients, applied.counted);
    const subjects = clients.map(({ key }, i) =>
      this.#subject(key, applied.records[i] as Buffer, state, report.clients[i]),
    );
    const { model } = this;
    const verdicts = await this.#judge(model, subjects, applied, true);
    return {
      verdicts: verdicts.map((verdict) => this.#wire(verdict, report.brief === true)),
      generation: state.generation,
      changes: changesAfter(state, report.held),
      gateways: this.gateways,
      model: model.version,
    };
  }

  /** Looks at a client and counts nothing. @throws RequestError 400 INVALID_ADDRESS */
  async look(address: string): Promise<Seen> {
    const key = keyOf(address, 'ip');
    const applied = await this.#o.store.look([key]);
    const state = await this.#note(applied);
    const subject = this.#subject(key, applied.records[0] as Buffer, state);
    const [verdict] = (await this.#judge(this.model, [subject], applied, false)) as [Verdict];
    const { tiers, defaultTier } = this.#o;
    const record = decode(applied.records[0] as Buffer, tiers.length - 1);
    const window = windowAt(record?.track ?? emptyTrack(), applied.now.s);
    const never = verdict.origin === undefined && (record === null || record.last === 0);
    return {
      verdict,
      tier: never ? defaultTier : (tiers[verdict.tier] as string),
      origin: verdict.origin ?? (never ? 'default' : 'fresh'),
      record,
      window,
      applied,
      scoreTier: tiers[tierOf(verdict.score, this.model.thresholds)] as string,
    };
  }

  /** Applies pins and forgets. @throws RequestError 400, 409 */
  async change(changes: readonly Change[]): Promise<number> {
    const known = changes.map((change, i): Change => {
      const ip = keyOf(change.ip, `changes[${i}].ip`);
      if ('forget' in change) return { ip, forget: true };
      if (change.pin !== null && !this.#tierIndex.has(change.pin)) {
        const tiers = this.#o.tiers.join(', ');
        throw new RequestError(
          'UNKNOWN_TIER',
          `"${change.pin}" is not a tier; there are ${tiers}`,
          `changes[${i}].pin`,
        );
      }
      return { ip, pin: change.pin };
    });
    const { pins } = await this.#o.store.changes();
    const more = known.filter(
      (change) => 'pin' in change && change.pin !== null && !pins.has(change.ip),
    ).length;
    if (pins.size + more > MOST_PINS) {
      throw new RequestError(
        'TOO_MANY_PINS',
        `more than ${MOST_PINS} clients would be pinned: use an access list`,
      );
    }
    return this.bump(known);
  }

  /** Raises the generation: leases of older ones are asked for anew. */
  async bump(changes: readonly Change[] = []): Promise<number> {
    const state = await this.#o.store.change(changes, Math.floor(Date.now() / 1000));
    this.generation = state.generation;
    this.pins = state.pins.size;
    return state.generation;
  }

  close(): Promise<void> {
    return this.#o.store.close();
  }

  async #note(applied: Applied): Promise<ChangeState> {
    const state = await this.#o.store.changes();
    this.gateways = Math.max(1, applied.gateways);
    this.generation = state.generation;
    this.pins = state.pins.size;
    return state;
  }

  #subject(key: string, record: Buffer, { pins }: ChangeState, reported?: ReportClient): Subject {
    const pin = pins.size === 0 ? undefined : pins.get(key);
    return {
      key,
      record: unpack(record, this.#o.tiers.length - 1),
      // A gateway that still runs with other tiers may name one that we do not know: then it holds none.
      reported: this.#tierIndex.get(reported?.tier ?? '') ?? -1,
      pin: pin === undefined ? -1 : (this.#tierIndex.get(pin) ?? -1),
      // Each of the gateways may have as much left.
      leased: reported?.leased === undefined ? -1 : reported.leased * this.gateways,
    };
  }

  async #judge(model: Model, subjects: Subject[], { now }: Applied, keep: boolean): Promise<Verdict[]> {
    const { hysteresis, metrics, store, log } = this.#o;
    const start = performance.now();
    const lines: Lines = { thresholds: model.thresholds, ...hysteresis };
    const { verdicts, held } = await judge(model, subjects, lines, now);
    if (!keep) return verdicts;
    if (subjects.length > 0) metrics.inference.observe((performance.now() - start) / 1000);
    this.#countVerdicts(verdicts);
    // Not awaited: the verdict does not depend on it, and the next report would find the same.
    if (held.length > 0) {
      store
        .hold(held)
        .catch((error: unknown) => log.warn({ reason: String(error) }, 'tiers were not written'));
    }
    return verdicts;
  }

  #count(clients: readonly Reported[], counted: boolean): void {
    const { metrics } = this.#o;
    metrics.batches.inc({ counted: String(counted) });
    if (!counted) return;
    let hits = 0;
    for (const client of clients) for (const [, n] of client.hits ?? []) hits += n;
    metrics.hits.inc(hits);
  }

  #countVerdicts(verdicts: readonly Verdict[]): void {
    const { metrics, tiers } = this.#o;
    const sums = new Map<string, number>();
    for (const { tier, origin } of verdicts) {
      const label = `${tier} ${origin ?? 'fresh'}`;
      sums.set(label, (sums.get(label) ?? 0) + 1);
    }
    metrics.clients.inc(verdicts.length);
    for (const [label, n] of sums) {
      const [tier, origin] = label.split(' ') as [string, string];
      metrics.verdicts.inc({ tier: tiers[Number(tier)] as string, origin }, n);
    }
  }

  #wire({ key, score, tier: index, requests_60s, lease, origin }: Verdict, brief: boolean): WireVerdict {
    const tier = this.#o.tiers[index] as string;
    const verdict: WireVerdict = brief ? { score, tier } : { ip: key, score, tier, requests_60s };
    if (lease) verdict.lease = lease;
    if (origin !== undefined) verdict.origin = origin;
    return verdict;
  }
}
