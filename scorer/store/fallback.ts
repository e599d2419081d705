/**
 * Redis, and this process's memory while Redis is down, full or slow.
 *
 * After the first failure nobody waits for Redis any more: batches count in memory, which goes on from the records
 * that Redis answered last, and are kept as they came. When a probe succeeds they are counted in Redis, in order,
 * aged by what they waited and with the seq that they had, so that one which Redis did count, and whose answer was
 * lost, counts once; only when none is left do new ones go to Redis again.
 *
 * What is not handed over: batches older than 60 s or beyond 64 MB (`dropped`), what other scorers counted meanwhile
 * (they hand over theirs), and everything if this process ends before Redis is back.
 */
import { Backlog, type Waiting } from './backlog.ts';
import { changesAfter } from './changes.ts';
import { Lru } from './lru.ts';
import type { MemoryStore } from './memory.ts';
import type { RedisStore } from './redis.ts';
import type { Applied, Batch, Change, ChangeState, Held, WindowStore } from './store.ts';

export interface Log {
  info(data: object, text: string): void;
  warn(data: object, text: string): void;
}

export interface FallbackOptions {
  redis: RedisStore;
  memory: MemoryStore;
  log: Log;
  /** Milliseconds between attempts to reach Redis again. */
  retryMs?: number;
}

const HOLD_AT_ONCE = 256;

export class FallbackStore implements WindowStore {
  readonly #redis: RedisStore;
  readonly #memory: MemoryStore;
  readonly #log: Log;
  readonly #retryMs: number;
  readonly #backlog = new Backlog();
  /** Tiers and changes that Redis has not been told. */
  readonly #held = new Lru<Held>(100_000);
  #pins: Change[] = [];
  #forgets: { change: Change; at: number }[] = [];
  #state: ChangeState;
  #syncing: Promise<void> | undefined;
  #closed = false;
  #since = performance.now();
  #wake: (() => void) | undefined;
  /** Where batches count now, and why not in Redis. */
  mode: 'redis' | 'memory' = 'memory';
  reason = 'not connected yet';
  replayed = 0;
  refused = 0;

  private constructor({ redis, memory, log, retryMs = 200 }: FallbackOptions, state: ChangeState) {
    this.#redis = redis;
    this.#memory = memory;
    this.#log = log;
    this.#retryMs = retryMs;
    this.#state = state;
  }

  /** Connects, and waits for Redis for at most `waitMs`. */
  static async open(options: FallbackOptions, waitMs = 1000): Promise<FallbackStore> {
    const store = new FallbackStore(options, await options.memory.changes());
    options.redis.connect();
    const recovered = store.#recover();
    await Promise.race([recovered, sleep(waitMs)]);
    if (store.mode === 'memory')
      options.log.warn({ reason: store.reason }, 'Redis is down: counting in memory');
    return store;
  }

  get dropped(): number {
    return this.#backlog.dropped + this.refused;
  }
  get waiting(): number {
    return this.#backlog.length;
  }

  async apply(batch: Batch): Promise<Applied> {
    if (this.mode === 'redis') {
      try {
        const applied = await this.#redis.apply(batch);
        this.#mirror(batch, applied);
        if (applied.generation !== this.#state.generation) await this.#sync(applied.generation);
        return applied;
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#backlog.push({ ...this.#redis.pack(batch), gateway: '' }, batch.at);
    return this.#memory.applyNow(batch);
  }

  async look(keys: readonly string[]): Promise<Applied> {
    if (this.mode === 'redis') {
      try {
        return await this.#redis.look(keys);
      } catch (error) {
        this.#fail(error);
      }
    }
    return this.#memory.look(keys);
  }

  async hold(held: readonly Held[]): Promise<void> {
    await this.#memory.hold(held);
    if (this.mode === 'redis') {
      try {
        return await this.#redis.hold(held);
      } catch (error) {
        this.#fail(error);
      }
    }
    // Redis still holds what the first of them found.
    for (const one of held)
      this.#held.set(one.key, { ...one, found: this.#held.get(one.key)?.found ?? one.found });
  }

  async change(changes: readonly Change[], floor: number): Promise<ChangeState> {
    if (this.mode === 'redis') {
      try {
        const least = Math.max(floor, this.#state.generation + 1);
        return this.#adopt(await this.#redis.change(changes, least));
      } catch (error) {
        this.#fail(error);
      }
    }
    const at = performance.now();
    for (const change of changes) {
      if ('forget' in change) this.#forgets.push({ change, at });
      else this.#pins.push(change);
    }
    // What was to be told of a forgotten client is of before.
    for (const change of changes) if ('forget' in change) this.#held.delete(change.ip);
    return this.#adopt(await this.#memory.change(changes, floor));
  }

  changes(): Promise<ChangeState> {
    return Promise.resolve(this.#state);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await this.#redis.close();
  }

  #adopt(state: ChangeState): ChangeState {
    // Whoever changed it: memory holds what Redis held, and would go on from that.
    if (this.mode === 'redis') this.#memory.forget(changesAfter(state, this.#state.generation));
    this.#state = state;
    this.#memory.adopt(state);
    return state;
  }

  /** Memory holds what Redis holds, so that it can go on from there. */
  #mirror(batch: Batch, { now, records }: Applied): void {
    this.#memory.note(batch.sender, batch.seq, now.s);
    this.#memory.see(batch.gateway);
    batch.clients.forEach(({ key }, i) => {
      const record = records[i];
      if (record) this.#memory.remember(key, record, now.s);
    });
  }

  /** Redis holds another generation than we: another scorer changed something, or Redis has lost it. */
  async #sync(generation: number): Promise<void> {
    this.#syncing ??= this.#align(generation).finally(() => (this.#syncing = undefined));
    await this.#syncing.catch((error: unknown) => this.#fail(error));
  }

  async #align(generation: number): Promise<void> {
    const ours = this.#state;
    if (generation > ours.generation) this.#adopt(await this.#redis.changes());
    else if (generation === 0) this.#adopt(await this.#redis.restore(ours));
    else if (generation < ours.generation) this.#adopt(await this.#redis.change([], ours.generation));
  }

  #fail(error: unknown): void {
    if (this.mode === 'memory' || this.#closed) return;
    this.mode = 'memory';
    this.reason = error instanceof Error ? error.message : String(error);
    this.#since = performance.now();
    this.#log.warn({ reason: this.reason }, 'Redis is down: counting in memory');
    void this.#recover();
  }

  async #recover(): Promise<void> {
    while (!this.#closed) {
      try {
        if (this.#redis.redis.status === 'ready') {
          // Without a time limit: a stopped Redis is given one command, which it answers when it goes on.
          await this.#redis.probe();
          await this.#handOver();
          if (this.mode === 'redis') return;
        } else if (this.reason === 'not connected yet') {
          this.reason = 'no connection';
        }
      } catch (error) {
        if (!this.#closed) this.reason = error instanceof Error ? error.message : String(error);
      }
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#retryMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #handOver(): Promise<void> {
    const before = this.replayed;
    await this.#tellPins();
    for (;;) {
      const next = this.#backlog.first();
      const [forget] = this.#forgets;
      // In the order in which they came: hits from before a forget are forgotten too.
      if (this.#pins.length > 0) await this.#tellPins();
      else if (forget !== undefined && forget.at <= (next?.at ?? Infinity))
        await this.#tellForget(forget.change);
      else if (next !== undefined) await this.#replay(next);
      else if (this.#held.size > 0) await this.#tellHeld();
      else break; // nothing can come between this and the next line
    }
    this.mode = 'redis';
    const seconds = Math.round((performance.now() - this.#since) / 100) / 10;
    this.#log.info({ seconds, replayed: this.replayed - before, dropped: this.dropped }, 'counting in Redis');
  }

  async #replay(waiting: Waiting): Promise<void> {
    const { sender, seq } = waiting.packed;
    try {
      await this.#redis.count(this.#backlog.aged(waiting));
      this.replayed += 1;
    } catch (error) {
      // What Redis cannot understand would be refused for ever, and hold up all that follows.
      if (!(error instanceof Error) || !error.message.startsWith('ERR')) throw error;
      this.refused += 1;
      this.#log.warn({ reason: error.message, sender, seq }, 'Redis refused a batch');
    }
    this.#backlog.done(waiting);
  }

  async #tellPins(): Promise<void> {
    const theirs = await this.#redis.changes();
    if (theirs.generation === 0) this.#adopt(await this.#redis.restore(this.#state));
    if (this.#pins.length === 0) {
      await this.#align(theirs.generation === 0 ? this.#state.generation : theirs.generation);
      return;
    }
    const told = this.#pins;
    const state = await this.#redis.change(told, this.#state.generation + 1);
    this.#pins = this.#pins.slice(told.length);
    this.#adopt(state);
  }

  async #tellForget(change: Change): Promise<void> {
    const state = await this.#redis.change([change], this.#state.generation + 1);
    this.#forgets.shift();
    this.#adopt(state);
  }

  async #tellHeld(): Promise<void> {
    const some = this.#held.oldest(HOLD_AT_ONCE);
    await this.#redis.hold(some);
    for (const one of some) if (this.#held.get(one.key) === one) this.#held.delete(one.key);
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());
