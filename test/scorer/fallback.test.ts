/** What is counted while Redis is down: with a real Redis, stopped, killed, full and flushed. */
import assert from 'node:assert/strict';
import test, { afterEach } from 'node:test';
import { FallbackStore, type Log } from '../../scorer/store/fallback.ts';
import { MemoryStore } from '../../scorer/store/memory.ts';
import { decode } from '../../scorer/store/record.ts';
import { RedisStore } from '../../scorer/store/redis.ts';
import type { Applied, Batch, Reported } from '../../scorer/store/store.ts';
import { hitsOf, windowAt } from '../../scorer/window.ts';
import { sleep, startRedis, until, type RedisServer } from './redis_server.ts';

const HOLDING = { holds: [120, 600], repeat: 86400 };
/** What a judgement finds in a record that has no tier. */
const NOBODY = { tier: -1, since: [0, 0], returned: 0 };
const PORT = 15110;

interface Bench {
  server: RedisServer;
  store: FallbackStore;
  redis: RedisStore;
  lines: string[];
}
let bench: Bench | undefined;
afterEach(async () => {
  await bench?.store.close();
  await bench?.server.stop();
  bench = undefined;
});

async function start(...args: string[]): Promise<Bench> {
  const server = await startRedis(PORT, ...args);
  const lines: string[] = [];
  const log: Log = { info: (_, text) => lines.push(text), warn: (_, text) => lines.push(text) };
  const redis = new RedisStore({ url: server.url, holding: HOLDING });
  const memory = new MemoryStore({ holding: HOLDING, clients: 1000 });
  const store = await FallbackStore.open({ redis, memory, log, retryMs: 50 });
  assert.equal(store.mode, 'redis');
  bench = { server, store, redis, lines };
  return bench;
}

let seq = 0;
const batch = (clients: Reported[], sender = 'gw/1/1'): Batch => ({
  sender,
  seq: ++seq,
  gateway: 'gw',
  clients,
  at: performance.now(),
});
const hit = (key: string, n = 1, age = 0): Reported => ({ key, hits: [[age, n]], added: {} });
function hits({ records, now }: Applied, i = 0): number {
  const record = decode(records[i] as Buffer, 2);
  return record === null ? 0 : hitsOf(windowAt(record.track, now.s));
}

test('a stopped Redis costs one batch its time limit, the rest nothing, and all of it counts once when it goes on', async () => {
  const { server, store, lines } = await start();
  await store.apply(batch([hit('a', 5)]));
  server.freeze();
  const start_ = performance.now();
  assert.equal(hits(await store.apply(batch([hit('a', 1)]))), 6, 'memory goes on from what Redis answered');
  const first = performance.now() - start_;
  assert.ok(first > 80 && first < 250, `the first waited ${first} ms`);
  const took: number[] = [];
  for (let i = 0; i < 50; i++) {
    const before = performance.now();
    assert.equal(hits(await store.apply(batch([hit('a', 1)]))), 7 + i);
    took.push(performance.now() - before);
  }
  // A busy machine may be away for a moment during one of them; waiting would take 100 ms each time.
  const median = took.sort((a, b) => a - b)[25] as number;
  assert.ok(median < 20, `the others took ${median} ms`);
  assert.equal(store.mode, 'memory');
  server.thaw();
  await until(() => store.mode === 'redis');
  assert.equal(hits(await store.look(['a'])), 56);
  assert.deepEqual(lines.slice(1), ['Redis is down: counting in memory', 'counting in Redis']);
});

test('a batch that Redis counted, and whose answer was lost, counts once', async () => {
  const { server, store, redis } = await start();
  await store.apply(batch([hit('a', 5)]));
  server.freeze();
  const lost = batch([hit('a', 1)]);
  await store.apply(lost); // in Redis's socket, and in the backlog
  server.thaw();
  await until(() => store.mode === 'redis');
  assert.equal(hits(await redis.look(['a'])), 6);
  const again = await store.apply(lost); // the gateway did not get its answer either
  assert.equal(again.counted, false);
  assert.equal(hits(again), 6);
});

test('a batch that comes again while Redis is down counts once', async () => {
  const { server, store, redis } = await start();
  const counted = batch([hit('a', 5)]);
  await store.apply(counted);
  server.freeze();
  assert.equal(hits(await store.apply(counted)), 5);
  const other = batch([hit('a', 1)]);
  await store.apply(other);
  assert.equal((await store.apply(other)).counted, false);
  server.thaw();
  await until(() => store.mode === 'redis');
  assert.equal(hits(await redis.look(['a'])), 6);
});

test('what lay in a stopped Redis is placed where it happened', async () => {
  const { server, store } = await start();
  await store.apply(batch([hit('a', 1)]));
  server.freeze();
  await store.apply(batch([hit('b', 1)]));
  await sleep(3200);
  await store.apply(batch([hit('b', 1)]));
  server.thaw();
  await until(() => store.mode === 'redis');
  const { records, now } = await store.look(['b']);
  const record = decode(records[0] as Buffer, 2);
  assert.ok(record);
  const ages = windowAt(record.track, now.s).hits;
  assert.equal(ages.length, 2);
  assert.ok(Math.abs((ages[1]?.[0] as number) - 3) <= 1, JSON.stringify(ages));
});

test('a killed Redis comes back empty: what was counted meanwhile, pins, generation and tiers come back with it', async () => {
  const { server, store } = await start();
  const { generation } = await store.change([{ ip: 'p', pin: 'slow' }], 0);
  await store.apply(batch([hit('a', 5)]));
  await server.stop();
  assert.equal(hits(await store.apply(batch([hit('a', 2)]))), 7);
  const { now } = await store.look(['a']);
  await store.hold([{ key: 'a', tier: 1, since: [now.s, 0], returned: 0, found: NOBODY }]);
  const during = await store.change([{ ip: 'q', pin: 'fast' }], 0);
  assert.ok(during.generation > generation);
  const again = await startRedis(PORT);
  (bench as Bench).server = again;
  await until(() => store.mode === 'redis');
  const after = await store.look(['a']);
  assert.equal(hits(after), 2, 'what Redis held alone is lost');
  assert.equal(decode(after.records[0] as Buffer, 2)?.tier, 1);
  assert.ok(after.generation >= during.generation);
  assert.deepEqual(await again.client.hgetall('{sg:0}:pins'), { p: 'slow', q: 'fast' });
});

test('hits from before a forget are not handed over to Redis after it', async () => {
  const { server, store } = await start();
  server.freeze();
  await store.apply(batch([hit('f', 1)])); // lies in the stopped Redis
  await store.apply(batch([hit('f', 500)]));
  await store.change([{ ip: 'f', forget: true }], 0);
  await store.apply(batch([hit('f', 2)]));
  server.thaw();
  await until(() => store.mode === 'redis');
  assert.equal(hits(await store.look(['f'])), 2);
});

test('a flushed Redis gets pins and generation back with the next batch', async () => {
  const { server, store } = await start();
  const { generation } = await store.change([{ ip: 'p', pin: 'slow' }], 0);
  await server.client.flushall();
  await store.apply(batch([hit('a', 1)]));
  assert.equal(store.mode, 'redis');
  assert.ok((await store.look([])).generation > generation);
  assert.deepEqual(await server.client.hgetall('{sg:0}:pins'), { p: 'slow' });
});

const tierOf = ({ records }: Applied, i = 0): number | undefined => decode(records[i] as Buffer, 2)?.tier;

test('a client that was forgotten, here or by another scorer, stays so when Redis goes', async () => {
  const { server, store, redis } = await start();
  const { now } = await store.apply(batch([hit('a', 9), hit('b', 9)]));
  const slow = { tier: 2, since: [now.s, now.s], returned: 0, found: NOBODY };
  await store.hold(['a', 'b'].map((key) => ({ key, ...slow })));
  await store.apply(batch([hit('a'), hit('b')]));
  await store.change([{ ip: 'a', forget: true }], 0);
  await redis.change([{ ip: 'b', forget: true }], 0); // the other scorer
  await store.apply(batch([]));
  server.freeze();
  const applied = await store.apply(batch([hit('a'), hit('b')]));
  assert.equal(store.mode, 'memory');
  assert.deepEqual([hits(applied), tierOf(applied)], [1, 0]);
  assert.deepEqual([hits(applied, 1), tierOf(applied, 1)], [1, 0]);
});

test('of clients forgotten while Redis is down, Redis is told what was judged after that, and no more', async () => {
  const { server, store } = await start();
  server.freeze();
  const { now } = await store.apply(batch([hit('a'), hit('b')]));
  const slow = { tier: 2, since: [now.s, now.s], returned: 0 };
  await store.hold(['a', 'b'].map((key) => ({ key, ...slow, found: NOBODY })));
  await store.change(
    ['a', 'b'].map((ip) => ({ ip, forget: true })),
    0,
  );
  const found = decode((await store.look(['a'])).records[0] as Buffer, 2) ?? NOBODY;
  await store.hold([{ key: 'a', tier: 1, since: [now.s + 59, 0], returned: 0, found }]);
  await sleep(1100); // Redis is told in another second than memory was
  server.thaw();
  await until(() => store.mode === 'redis');
  const after = await store.look(['a', 'b']);
  assert.deepEqual([tierOf(after), tierOf(after, 1)], [1, 0]);
});

test('a full Redis is a Redis that is down', async () => {
  const { server, store, redis } = await start();
  await store.apply(batch([hit('a', 1)]));
  await server.client.config('SET', 'maxmemory-policy', 'noeviction');
  await server.client.config('SET', 'maxmemory', '1');
  assert.equal(hits(await store.apply(batch([hit('a', 1)]))), 2);
  assert.equal(store.mode, 'memory');
  await sleep(200);
  assert.match(store.reason, /OOM/);
  assert.equal(hits(await store.apply(batch([hit('a', 1)]))), 3);
  await server.client.config('SET', 'maxmemory', '0');
  await until(() => store.mode === 'redis');
  assert.equal(hits(await redis.look(['a'])), 3);
});

test('a replica that may not be written to is a Redis that is down', async () => {
  const { server, store } = await start();
  await server.client.replicaof('127.0.0.1', 1);
  await store.apply(batch([hit('a', 1)]));
  await until(() => /READONLY/.test(store.reason));
  await server.client.replicaof('NO', 'ONE');
  await until(() => store.mode === 'redis');
  assert.equal(hits(await store.look(['a'])), 1);
});

test('a Redis that is not there at the start is taken when it comes', async () => {
  const lines: string[] = [];
  const log: Log = { info: (_, text) => lines.push(text), warn: (_, text) => lines.push(text) };
  const redis = new RedisStore({ url: `redis://127.0.0.1:${PORT}`, holding: HOLDING });
  const memory = new MemoryStore({ holding: HOLDING, clients: 1000 });
  const store = await FallbackStore.open({ redis, memory, log, retryMs: 50 }, 100);
  assert.equal(store.mode, 'memory');
  await store.apply(batch([hit('a', 4)]));
  const server = await startRedis(PORT);
  bench = { server, store, redis, lines };
  await until(() => store.mode === 'redis');
  assert.equal(hits(await store.look(['a'])), 4);
});

test('under load, with Redis stopped again and again, every hit counts exactly once', async () => {
  const { server, store, redis } = await start();
  let sent = 0;
  let going = true;
  const senders = ['gw/1/1', 'gw/1/2', 'gx/1/1', 'gx/1/2'].map(async (sender) => {
    for (let n = 1; going; n++) {
      const one: Batch = {
        sender,
        seq: n,
        gateway: 'gw',
        clients: [hit('a'), hit(sender)],
        at: performance.now(),
      };
      await store.apply(one);
      sent += 1;
      if (n % 7 === 0) await store.apply(one); // its answer was lost
      await sleep(1);
    }
  });
  for (let i = 0; i < 4; i++) {
    await sleep(150);
    server.freeze();
    await sleep(300);
    server.thaw();
  }
  going = false;
  await Promise.all(senders);
  await until(() => store.mode === 'redis');
  assert.equal(hits(await redis.look(['a'])), sent);
  assert.equal(store.dropped, 0);
});
