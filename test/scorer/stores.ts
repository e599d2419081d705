/** Both window stores for a test, Redis also in shards, and what is reported to them. */
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { MemoryStore } from '../../scorer/store/memory.ts';
import { decode } from '../../scorer/store/record.ts';
import { RedisStore } from '../../scorer/store/redis.ts';
import type { Applied, Batch, Reported, WindowStore } from '../../scorer/store/store.ts';
import { windowAt, type Window } from '../../scorer/window.ts';
import { startRedis, until, type RedisServer } from './redis_server.ts';

export const HOLDING = { holds: [120, 600], repeat: 5000 };
/** What a judgement finds in a record that has no tier. */
export const NOBODY = { tier: -1, since: [0, 0], returned: 0 };

let seq = 0;
export const batch = (clients: Reported[], more: Partial<Batch> = {}): Batch => ({
  sender: 'test/1/1',
  seq: ++seq,
  gateway: 'test',
  clients,
  at: performance.now(),
  ...more,
});
let address = 0;
export const fresh = (): string => `10.${(address += 1) >> 8}.${address & 255}.1`;

export function windowIn({ records, now }: Applied, i = 0): Window {
  const record = decode(records[i] as Buffer, 2);
  assert.ok(record, 'there is a record');
  return windowAt(record.track, now.s);
}

export interface Running {
  server: RedisServer;
  redis: RedisStore;
  stop(): Promise<void>;
}

/** A store in a Redis of its own. */
export async function startStore(port: number, shards = 1): Promise<Running> {
  const server = await startRedis(port);
  const redis = new RedisStore({ url: server.url, holding: HOLDING, timeoutMs: 2000, shards });
  redis.connect();
  await until(() => redis.redis.status === 'ready');
  const stop = async (): Promise<void> => {
    await redis.close();
    await server.stop();
  };
  return { server, redis, stop };
}

/** Declares the same tests for each store: what is said there holds in all. */
export function inEachStore(port: number, tests: (store: () => WindowStore) => void): void {
  for (const [where, shards] of [
    ['in Redis', 1],
    ['in three shards of Redis', 3],
  ] as const) {
    describe(where, () => {
      let running: Running;
      before(async () => {
        running = await startStore(port, shards);
      });
      after(() => running.stop());
      tests(() => running.redis);
    });
  }
  describe('in memory', () => {
    const memory = new MemoryStore({ holding: HOLDING, clients: 1000 });
    tests(() => memory);
  });
}
