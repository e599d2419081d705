/**
 * Windows in this process. Records have the form that they have in Redis, so that those which Redis answered can be
 * remembered here and go on when it is down (fallback.ts).
 */
import { applyChanges, newState } from './changes.ts';
import { Lru } from './lru.ts';
import type { Holding } from '../tier.ts';
import { add, standingOf } from './record.ts';
import { LEAST_KEPT_S, forgotten, keptFor, withTier } from './standing.ts';
import { GATEWAY_ALIVE_S, SENDER_KEPT_S, type Applied, type Batch, type Change } from './store.ts';
import type { ChangeState, Held, Moment, WindowStore } from './store.ts';

export interface MemoryOptions {
  /** How long tiers are held. */
  holding: Holding;
  /** Most clients remembered; the least recently seen go. */
  clients: number;
  /** Unix milliseconds; in tests, another clock. */
  clock?: () => number;
}

interface Kept {
  record: Buffer;
  /** Unix second at which it was put. */
  at: number;
}

export class MemoryStore implements WindowStore {
  readonly #clients: Lru<Kept>;
  readonly #senders = new Lru<{ seq: number; until: number }>(4096);
  readonly #gateways = new Lru<number>(1024);
  readonly #holding: Holding;
  readonly #lines: number;
  readonly #clock: () => number;
  #state: ChangeState;

  constructor({ holding, clients, clock = Date.now }: MemoryOptions) {
    this.#holding = holding;
    this.#lines = holding.holds.length;
    this.#clock = clock;
    this.#clients = new Lru(clients);
    this.#state = newState(Math.floor(clock() / 1000));
  }

  /** Clients remembered, and clients forgotten for want of room. */
  get size(): number {
    return this.#clients.size;
  }
  get forgotten(): number {
    return this.#clients.pushedOut;
  }

  apply(batch: Batch): Promise<Applied> {
    return Promise.resolve(this.applyNow(batch));
  }

  applyNow(batch: Batch): Applied {
    const now = this.#now();
    const counted = this.note(batch.sender, batch.seq, now.s);
    if (batch.gateway !== '') this.#gateways.set(batch.gateway, now.s + now.ms / 1000);
    const records = batch.clients.map((client) => {
      const kept = this.#get(client.key, now.s);
      if (!counted) return kept;
      const record = add(kept, client, this.#lines, now.s, 0);
      if (record !== kept) this.#put(client.key, record, now.s);
      return record;
    });
    return this.#answer(now, counted, records);
  }

  look(keys: readonly string[]): Promise<Applied> {
    const now = this.#now();
    const records = keys.map((key) => this.#get(key, now.s));
    return Promise.resolve(this.#answer(now, true, records));
  }

  hold(held: readonly Held[]): Promise<void> {
    const now = this.#now().s;
    for (const one of held) this.#put(one.key, withTier(this.#get(one.key, now), one), now);
    return Promise.resolve();
  }

  change(changes: readonly Change[], floor: number): Promise<ChangeState> {
    this.forget(changes);
    this.#state = applyChanges(this.#state, changes, Math.max(floor, this.#now().s));
    return Promise.resolve(this.#state);
  }

  /** Only what `changes` say of forgotten clients. */
  forget(changes: readonly Change[]): void {
    const now = this.#now().s;
    const head = forgotten(this.#lines, now);
    for (const change of changes) if ('forget' in change) this.#put(change.ip, head, now);
  }

  changes(): Promise<ChangeState> {
    return Promise.resolve(this.#state);
  }

  /** Takes over what Redis answered: its record of a client is the true one. */
  remember(key: string, record: Buffer, now: number): void {
    if (record.length === 0) return;
    this.#put(key, Buffer.from(record), now); // a copy: the answer's buffer is large, and would be kept by it
  }

  /** Takes over generation and pins. */
  adopt(state: ChangeState): void {
    this.#state = state;
  }

  /** Whether a batch is new, which is noted. */
  note(sender: string, seq: number, now: number): boolean {
    const last = this.#senders.get(sender);
    const fresh = last === undefined || last.until <= now || seq > last.seq;
    if (fresh) this.#senders.set(sender, { seq, until: now + SENDER_KEPT_S });
    return fresh;
  }

  /** A gateway that Redis was told of is alive here too. */
  see(gateway: string): void {
    if (gateway !== '') this.#gateways.set(gateway, this.#clock() / 1000);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #now(): Moment {
    const ms = this.#clock();
    return { s: Math.floor(ms / 1000), ms: Math.floor(ms % 1000) };
  }

  #get(key: string, now: number): Buffer {
    const kept = this.#clients.get(key);
    return kept === undefined || this.#isGone(kept, now) ? EMPTY : kept.record;
  }

  /** Found out when somebody asks: nearly all are put again before that. */
  #isGone({ record, at }: Kept, now: number): boolean {
    if (now - at < LEAST_KEPT_S) return false;
    return now - at >= keptFor(standingOf(record, this.#lines), this.#holding, at);
  }

  #put(key: string, record: Buffer, now: number): void {
    this.#clients.set(key, { record, at: now });
  }

  #answer(now: Moment, counted: boolean, records: Buffer[]): Applied {
    let gateways = 0;
    const oldest = now.s + now.ms / 1000 - GATEWAY_ALIVE_S;
    for (const seen of this.#gateways.values()) if (seen > oldest) gateways += 1;
    return { now, counted, gateways, generation: this.#state.generation, records };
  }
}

const EMPTY = Buffer.alloc(0);
