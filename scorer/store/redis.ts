/** Windows in Redis, shared by every scorer and gateway. Every call fails soon rather than waits: see fallback.ts. */
import { Redis } from 'ioredis';
import { LearnedClock } from './clock.ts';
import { pack, packHeld, packKeys } from './payload.ts';
import { KINDS, VOCABULARY, standingOf } from './record.ts';
import { run, script, type Script } from './script.ts';
import { forgotten, keptFor } from './standing.ts';
import { CHANGES_KEPT, type Applied, type Batch, type Change, type ChangeState } from './store.ts';
import type { Held, WindowStore } from './store.ts';
import { NOTHING, operation, prefix, readAnswer, readChange, shardOf } from './wire.ts';
import type { Holding } from '../tier.ts';
import { BUCKET_S } from '../window.ts';

export interface RedisOptions {
  url: string;
  /** How long tiers are held. */
  holding: Holding;
  /** Milliseconds after which a command counts as failed. */
  timeoutMs?: number;
  /** Parts of the key space, each in one slot of a Redis Cluster. */
  shards?: number;
  /** Called with each command's duration in seconds. */
  onRoundTrip?: (seconds: number) => void;
}

/** What is counted: a batch whose clients are packed already, as it is kept for a Redis that is down. */
export interface Packed {
  sender: string;
  seq: number;
  gateway: string;
  /** One payload per shard. */
  payloads: Buffer[];
  /** Whole seconds that it has waited. */
  waited: number;
}

const COUNT = script('count.lua');
const CHANGE = script('change.lua');
const HOLD = script('hold.lua');
const RETRY_MS = 200;
/** A connection on which nothing comes back for so long is given up: the other end may be gone without a word. */
const DEAD_MS = 10_000;

export class RedisTimeout extends Error {
  readonly code = 'REDIS_TIMEOUT';
  constructor(ms: number) {
    super(`no answer within ${ms} ms`);
  }
}

export class RedisStore implements WindowStore {
  readonly redis: Redis;
  readonly shards: number;
  readonly #holding: Holding;
  readonly #timeoutMs: number;
  readonly #onRoundTrip: (seconds: number) => void;
  readonly #clock = new LearnedClock();

  constructor({ url, holding, timeoutMs = 100, shards = 1, onRoundTrip = () => undefined }: RedisOptions) {
    this.redis = new Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      // A batch that got no answer is sent again by those who know its seq, not by the connection.
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      // A Redis that is loading says so itself; waiting for INFO would hang on a stopped one.
      enableReadyCheck: false,
      disableClientInfo: true,
      connectTimeout: 1000,
      socketTimeout: DEAD_MS,
      retryStrategy: () => RETRY_MS,
    });
    this.redis.on('error', () => undefined); // every failed command is reported where it was given
    this.shards = shards;
    this.#holding = holding;
    this.#timeoutMs = timeoutMs;
    this.#onRoundTrip = onRoundTrip;
  }

  /** Redis's clock, as it last answered, in Unix milliseconds; ours until it has. */
  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** Starts connecting; does not wait for it, and never fails. */
  connect(): void {
    this.redis.connect().catch(() => undefined);
  }

  /** A write that says whether Redis counts again: a full one answers PING, and refuses this. */
  async probe(): Promise<void> {
    await this.redis.set(`${prefix(0)}:probe`, '1', 'EX', 60);
  }

  pack(batch: Batch): Packed {
    const parts = this.#parts(batch.clients, (client) => client.key);
    const { sender, seq, gateway } = batch;
    return { sender, seq, gateway, payloads: parts.map((part) => pack(part)), waited: 0 };
  }

  async apply(batch: Batch): Promise<Applied> {
    const answers = await this.count(this.pack(batch));
    return this.#merge(
      answers,
      batch.clients.map((client) => client.key),
    );
  }

  /** One round trip to each shard that the batch concerns, and to the first, which keeps gateways and generation. */
  async count(packed: Packed): Promise<Applied[]> {
    const { sender, seq, gateway, payloads, waited } = packed;
    return this.#all(payloads, ['count', sender, seq, gateway, waited]);
  }

  async look(keys: readonly string[]): Promise<Applied> {
    const payloads = this.#parts(keys, (key) => key).map((part) => packKeys(part));
    return this.#merge(await this.#all(payloads, ['look', '', 0, '', 0]), keys);
  }

  async #all(payloads: Buffer[], head: (string | number)[]): Promise<Applied[]> {
    const sentAt = performance.now();
    // Says how long a command lay in a Redis that had stopped.
    const redisSecond = this.#clock.learned ? this.#nowS() : 0;
    const holding = [this.#holding.repeat, ...this.#holding.holds].join(',');
    const answers = await Promise.all(
      payloads.map((payload, shard) => {
        if (shard > 0 && payload.length === 0) return null;
        return this.#run(COUNT, shard, [...head, redisSecond, KINDS, VOCABULARY, BUCKET_S, holding, payload]);
      }),
    );
    const read = answers.map((answer) => (answer === null ? NOTHING : readAnswer(answer)));
    const first = read[0]?.now;
    if (first) this.#clock.learn(first, sentAt);
    return read;
  }

  async hold(held: readonly Held[]): Promise<void> {
    const [nowS, lines] = [this.#nowS(), this.#holding.holds.length];
    const parts = this.#parts(held, (one) => one.key);
    await Promise.all(
      parts.map((part, shard) => {
        if (part.length === 0) return null;
        const payload = packHeld(part, lines, (one) => keptFor(one, this.#holding, nowS));
        return this.#run(HOLD, shard, [VOCABULARY, lines, payload]);
      }),
    );
  }

  async change(changes: readonly Change[], floor: number): Promise<ChangeState> {
    await this.#forget(changes);
    await this.#run(CHANGE, 0, [floor, CHANGES_KEPT, ...changes.flatMap(operation)]);
    return this.changes();
  }

  /** After a flush: the generation and the pins that were in force, from the memory of this scorer. */
  async restore(state: ChangeState): Promise<ChangeState> {
    const pins = [...state.pins].flatMap(([ip, tier]) => ['restore', ip, tier]);
    await this.#run(CHANGE, 0, [state.generation + 1, CHANGES_KEPT, ...pins]);
    return this.changes();
  }

  /** A forgotten client keeps a head that says so: neither reports nor judgements bring the old tier back. */
  async #forget(changes: readonly Change[]): Promise<void> {
    const nowS = this.#nowS();
    const head = forgotten(this.#holding.holds.length, nowS);
    const seconds = keptFor(standingOf(head, this.#holding.holds.length), this.#holding, nowS);
    const gone = changes.filter((change) => 'forget' in change);
    await this.#limit(Promise.all(gone.map(({ ip }) => this.redis.set(this.key(ip), head, 'EX', seconds))));
  }

  async changes(): Promise<ChangeState> {
    const p = prefix(0);
    const replies = await this.#limit(
      this.redis
        .multi()
        .get(`${p}:generation`)
        .get(`${p}:complete`)
        .hgetall(`${p}:pins`)
        .lrange(`${p}:changes`, 0, -1)
        .exec(),
    );
    const [generation, complete, pins, kept] = (replies ?? []).map(([error, value]) => {
      if (error) throw error;
      return value;
    });
    return {
      generation: Number(generation ?? 0),
      complete: Number(complete ?? 0),
      pins: new Map(Object.entries((pins ?? {}) as Record<string, string>)),
      kept: ((kept ?? []) as string[]).map(readChange),
    };
  }

  /** The key of a client's record. */
  key(client: string): string {
    return `${prefix(shardOf(client, this.shards))}:c:${VOCABULARY}:${client}`;
  }

  close(): Promise<void> {
    this.redis.disconnect();
    return Promise.resolve();
  }

  #nowS(): number {
    return Math.floor(this.nowMs() / 1000);
  }

  #parts<T>(all: readonly T[], keyOf: (one: T) => string): (readonly T[])[] {
    if (this.shards === 1) return [all];
    const parts: T[][] = Array.from({ length: this.shards }, () => []);
    for (const one of all) parts[shardOf(keyOf(one), this.shards)]?.push(one);
    return parts;
  }

  #merge(answers: Applied[], keys: readonly string[]): Applied {
    const [first] = answers as [Applied];
    if (this.shards === 1) return first;
    const next = new Array<number>(this.shards).fill(0);
    const records = keys.map((key) => {
      const shard = shardOf(key, this.shards);
      const i = next[shard] as number;
      next[shard] = i + 1;
      return answers[shard]?.records[i] ?? Buffer.alloc(0);
    });
    return { ...first, records };
  }

  async #run(what: Script, shard: number, args: (string | Buffer | number)[]): Promise<unknown> {
    const start = performance.now();
    const reply = await this.#limit(run(this.redis, what, prefix(shard), args));
    this.#onRoundTrip((performance.now() - start) / 1000);
    return reply;
  }

  #limit<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<never>((_, reject) => {
      // If this process was busy, the answer may lie in the socket: it is read before the immediate.
      const late = (): void => void setImmediate(() => reject(new RedisTimeout(this.#timeoutMs)));
      timer = setTimeout(late, this.#timeoutMs);
    });
    work.catch(() => undefined); // after the time limit nobody waits for it
    return Promise.race([work, limit]).finally(() => clearTimeout(timer));
  }
}
