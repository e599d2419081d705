/** One set of tests for both window stores: what is said here holds in Redis and in memory. */
import assert from 'node:assert/strict';
import test, { after, before, describe } from 'node:test';
import { MemoryStore } from '../../scorer/store/memory.ts';
import { decode } from '../../scorer/store/record.ts';
import { RedisStore } from '../../scorer/store/redis.ts';
import type { Applied, Batch, Reported, WindowStore } from '../../scorer/store/store.ts';
import { hitsOf, windowAt, type Window } from '../../scorer/window.ts';
import { startRedis, until, type RedisServer } from './redis_server.ts';

const HOLDING = { holds: [120, 600], repeat: 5000 };
/** What a judgement finds in a record that has no tier. */
const NOBODY = { tier: -1, since: [0, 0], returned: 0 };
let server: RedisServer;
let redis: RedisStore;
let sharded: RedisStore;

before(async () => {
  server = await startRedis(15100);
  redis = new RedisStore({ url: server.url, holding: HOLDING, timeoutMs: 2000 });
  sharded = new RedisStore({ url: server.url, holding: HOLDING, timeoutMs: 2000, shards: 3 });
  for (const store of [redis, sharded]) {
    store.connect();
    await until(() => store.redis.status === 'ready');
  }
});
after(async () => {
  await redis.close();
  await sharded.close();
  await server.stop();
});

let seq = 0;
const batch = (clients: Reported[], more: Partial<Batch> = {}): Batch => ({
  sender: 'test/1/1',
  seq: ++seq,
  gateway: 'test',
  clients,
  at: performance.now(),
  ...more,
});
let address = 0;
const fresh = (): string => `10.${(address += 1) >> 8}.${address & 255}.1`;

function windowIn({ records, now }: Applied, i = 0): Window {
  const record = decode(records[i] as Buffer, 2);
  assert.ok(record, 'there is a record');
  return windowAt(record.track, now.s);
}

const kinds: [string, () => WindowStore][] = [
  ['in Redis', () => redis],
  ['in three shards of Redis', () => sharded],
  ['in memory', () => new MemoryStore({ holding: HOLDING, clients: 1000 })],
];
for (const [where, make] of kinds) {
  describe(where, () => {
    let store: WindowStore;
    before(() => {
      store = make();
    });

    test('a client never seen has no record, and looking makes none', async () => {
      const key = fresh();
      assert.equal((await store.look([key])).records[0]?.length, 0);
      assert.equal((await store.apply(batch([{ key, added: {} }]))).records[0]?.length, 0);
      assert.equal((await store.look([key])).records[0]?.length, 0);
    });

    test('hits are placed by their age, to the second', async () => {
      const key = fresh();
      const hits: [number, number][] = [
        [59, 7],
        [10, 2],
        [0, 1],
        [10, 3],
      ];
      const applied = await store.apply(batch([{ key, hits, added: {} }]));
      assert.deepEqual(windowIn(applied).hits, [
        [0, 1],
        [10, 5],
        [59, 7],
      ]);
    });

    test('hits of 60 s and more are in no window', async () => {
      const key = fresh();
      const hits: [number, number][] = [
        [60, 7],
        [3600, 2],
      ];
      const applied = await store.apply(batch([{ key, hits, added: {} }]));
      assert.equal(applied.records[0]?.length, 0);
    });

    test('hits of several reports and gateways add up, in whatever order they come', async () => {
      const key = fresh();
      await store.apply(batch([{ key, hits: [[5, 1]], added: {} }]));
      await store.apply(batch([{ key, hits: [[30, 2]], added: {} }], { sender: 'other/1/1' }));
      const applied = await store.apply(batch([{ key, hits: [[1, 4]], added: {} }]));
      assert.equal(hitsOf(windowIn(applied)), 7);
    });

    test('observations add up, and bitmaps merge by OR', async () => {
      const key = fresh();
      const one = { errors_4xx: 3, bytes: 2 ** 33, paths: { hi: 0x80000001, lo: 0 } };
      const other = { errors_4xx: 2, heads: 1, bytes: 5, paths: { hi: 1, lo: 0xffffffff } };
      await store.apply(batch([{ key, hits: [[0, 3]], added: one }]));
      const window = windowIn(await store.apply(batch([{ key, hits: [[0, 2]], added: other }])));
      assert.deepEqual({ ...window.counts }, { errors_4xx: 5, heads: 1, bytes: 2 ** 33 + 5 });
      assert.equal(Math.round(window.distinct['paths'] as number), Math.round(64 * Math.log(64 / 30)));
    });

    test('observations older than the window are left out', async () => {
      const key = fresh();
      const applied = await store.apply(batch([{ key, hits: [[70, 1]], added: { errors_4xx: 9 } }]));
      assert.deepEqual({ ...windowIn(applied).counts }, {});
    });

    test('a batch that comes twice counts once, and is answered both times', async () => {
      const key = fresh();
      const same = batch([{ key, hits: [[0, 2]], added: { heads: 1 } }]);
      assert.equal((await store.apply(same)).counted, true);
      const again = await store.apply(same);
      assert.equal(again.counted, false);
      assert.equal(hitsOf(windowIn(again)), 2);
      assert.deepEqual({ ...windowIn(again).counts }, { heads: 1 });
    });

    test('a batch older than the last one of its sender does not count, one of another sender does', async () => {
      const key = fresh();
      const clients = [{ key, hits: [[0, 1] as const], added: {} }];
      const older = batch(clients);
      await store.apply(batch(clients));
      assert.equal((await store.apply(older)).counted, false);
      const other = await store.apply({ ...older, sender: 'another/1/1' });
      assert.equal(other.counted, true);
      assert.equal(hitsOf(windowIn(other)), 2);
    });

    test('a client that comes twice in a batch is counted twice', async () => {
      const key = fresh();
      const client: Reported = { key, hits: [[0, 1]], added: {} };
      const applied = await store.apply(batch([client, client]));
      assert.equal(hitsOf(windowIn(applied, 1)), 2);
    });

    test('512 clients come back in their order', async () => {
      const clients = Array.from({ length: 512 }, (_, i): Reported => ({
        key: fresh(),
        hits: [[0, i + 1]],
        added: {},
      }));
      const applied = await store.apply(batch(clients));
      clients.forEach((_, i) => assert.equal(hitsOf(windowIn(applied, i)), i + 1));
    });

    test('a standing lives in the record, and counting keeps them', async () => {
      const key = fresh();
      await store.apply(batch([{ key, hits: [[0, 1]], added: {} }]));
      const { now } = await store.look([key]);
      await store.hold([{ key, tier: 2, since: [now.s, now.s + 9], returned: now.s - 7, found: NOBODY }]);
      const applied = await store.apply(batch([{ key, hits: [[0, 1]], added: {} }]));
      const record = decode(applied.records[0] as Buffer, 2);
      assert.deepEqual([record?.tier, record?.since, record?.returned], [2, [now.s, now.s + 9], now.s - 7]);
      assert.equal(hitsOf(windowIn(applied)), 2);
    });

    const standing = async (key: string): Promise<unknown> => {
      const record = decode((await store.look([key])).records[0] as Buffer, 2);
      return record && { tier: record.tier, since: record.since, returned: record.returned };
    };

    test('of two judgements of the same record the worse stands, whichever is written last', async () => {
      const before = { tier: 1, since: [100, 0], returned: 0 };
      const [newer, older] = [
        { tier: 2, since: [180, 170], returned: 0 },
        { tier: 1, since: [175, 0], returned: 0 },
      ];
      for (const order of [
        [newer, older],
        [older, newer],
      ]) {
        const key = fresh();
        await store.hold([{ key, ...before, found: NOBODY }]);
        for (const one of order) await store.hold([{ key, ...one, found: before }]);
        assert.deepEqual(await standing(key), newer);
      }
    });

    const slow = { tier: 2, since: [100, 100], returned: 0 };
    const free = { tier: 0, since: [0, 0], returned: 760 };

    test('of two judgements the later return stands, and a client that has returned is none that was forgotten', async () => {
      const key = fresh();
      await store.hold([{ key, ...slow, found: NOBODY }]);
      await store.hold([{ key, ...free, found: slow }]);
      await store.hold([{ key, tier: 1, since: [790, 0], returned: 760, found: free }]);
      await store.hold([{ key, tier: 2, since: [795, 791], returned: 750, found: free }]);
      assert.deepEqual(await standing(key), { tier: 2, since: [795, 791], returned: 760 });
    });

    test('a judgement that only kept a tier does not bring it back when another has let the client go', async () => {
      const key = fresh();
      await store.hold([{ key, ...slow, found: NOBODY }]);
      await store.hold([{ key, ...free, found: slow }]);
      await store.hold([{ key, ...slow, found: slow }]);
      assert.deepEqual(await standing(key), free);
    });

    test('a judgement that saw a new offence stands, whether a release is written before it or after', async () => {
      const offended = { tier: 2, since: [780, 770], returned: 0 };
      for (const order of [
        [free, offended],
        [offended, free],
      ]) {
        const key = fresh();
        await store.hold([{ key, ...slow, found: NOBODY }]);
        for (const one of order) await store.hold([{ key, ...one, found: slow }]);
        assert.deepEqual(await standing(key), { ...offended, returned: free.returned });
      }
    });

    test('no judgement from before a client was forgotten brings a tier back, active or not', async () => {
      for (const found of [NOBODY, slow]) {
        for (const hits of [0, 3]) {
          const key = fresh();
          await store.hold([{ key, ...slow, found: NOBODY }]);
          await store.change([{ ip: key, forget: true }], 0);
          if (hits > 0) await store.apply(batch([{ key, hits: [[0, hits]], added: {} }]));
          await store.hold([{ key, tier: 2, since: [1e9, 1e9], returned: 0, found }]);
          assert.equal(decode((await store.look([key])).records[0] as Buffer, 2)?.tier, 0);
        }
      }
    });

    test('what a client does after it was forgotten is held against it', async () => {
      const key = fresh();
      await store.change([{ ip: key, forget: true }], 0);
      const { records, now } = await store.look([key]);
      const found = decode(records[0] as Buffer, 2) ?? NOBODY;
      const offended = { tier: 2, since: [now.s + 59, now.s + 50], returned: 0 };
      await store.hold([{ key, ...offended, found }]);
      assert.deepEqual(await standing(key), offended);
    });

    test('a tier outlives a record that was lost', async () => {
      const key = fresh();
      const { now } = await store.look([key]);
      await store.hold([{ key, tier: 1, since: [now.s, 0], returned: 0, found: NOBODY }]);
      const { records } = await store.look([key]);
      assert.equal(decode(records[0] as Buffer, 2)?.tier, 1);
      assert.equal(decode(records[0] as Buffer, 2)?.last, 0);
    });

    test('with another number of tiers a tier is void and the window stays', async () => {
      const key = fresh();
      await store.apply(batch([{ key, hits: [[0, 3]], added: {} }]));
      await store.hold([{ key, tier: 1, since: [5, 0], returned: 0, found: NOBODY }]);
      const { records, now } = await store.look([key]);
      const record = decode(records[0] as Buffer, 3);
      assert.equal(record?.tier, -1);
      assert.equal(record && hitsOf(windowAt(record.track, now.s)), 3);
    });

    test('gateways are counted by name, senders that are none are not', async () => {
      await store.apply(batch([], { gateway: 'a', sender: 'a/1/1' }));
      await store.apply(batch([], { gateway: 'a', sender: 'a/1/2' }));
      await store.apply(batch([], { gateway: 'b', sender: 'b/1/1' }));
      const { gateways } = await store.apply(batch([], { gateway: '', sender: 'x/1/1' }));
      assert.ok(
        gateways === 2 || gateways === 3,
        `${gateways}: a, b, and perhaps the one of the tests before`,
      );
    });

    test('a change raises the generation, and pins are kept until they are taken back', async () => {
      const [a, b] = [fresh(), fresh()];
      const first = await store.change([{ ip: a, pin: 'slow' }], 0);
      const second = await store.change(
        [
          { ip: b, pin: 'fast' },
          { ip: a, pin: null },
        ],
        0,
      );
      assert.ok(second.generation > first.generation);
      assert.deepEqual([second.pins.get(a), second.pins.get(b)], [undefined, 'fast']);
      assert.deepEqual(
        second.kept.filter((entry) => entry.generation === second.generation).map((entry) => entry.change),
        [
          { ip: b, pin: 'fast' },
          { ip: a, pin: null },
        ],
      );
      assert.equal((await store.look([a])).generation, second.generation);
      const floor = second.generation + 1000;
      assert.equal((await store.change([], floor)).generation, floor);
    });

    test('of more than a thousand changes the last thousand are kept', async () => {
      const many = Array.from({ length: 700 }, () => ({ ip: '10.9.9.9', pin: 'slow' }));
      const first = await store.change(many, 0);
      const second = await store.change(many, 0);
      assert.equal(second.kept.length, 1000);
      assert.equal(second.complete, first.generation);
    });

    test('a forgotten client has an empty window and the best tier', async () => {
      const key = fresh();
      await store.apply(batch([{ key, hits: [[0, 9]], added: {} }]));
      await store.hold([{ key, tier: 2, since: [9, 9], returned: 0, found: NOBODY }]);
      await store.change([{ ip: key, forget: true }], 0);
      const applied = await store.look([key]);
      assert.equal(hitsOf(windowIn(applied)), 0);
      assert.equal(decode(applied.records[0] as Buffer, 2)?.tier, 0);
    });

    test('the busiest client has less than 1 KB', async () => {
      const minute = async (): Promise<Buffer> => {
        const key = fresh();
        const first = await store.look([key]);
        for (let age = 59; age >= 0; age--) {
          const added = { errors_4xx: 9, errors_5xx: 1, bytes: 1e9, paths: { hi: age, lo: age } };
          await store.apply(batch([{ key, hits: [[age, 1e6]], added }]));
        }
        const { records, now } = await store.look([key]);
        // Ages are counted from the moment of a report: of a second that ends meanwhile one is missing.
        return now.s === first.now.s ? (records[0] as Buffer) : minute();
      };
      const record = await minute();
      assert.ok(record.length < 1024, `${record.length} bytes`);
      assert.equal(decode(record, 2)?.track.hits.length, 60);
    });
  });
}

test('Redis and memory make the same record of the same reports', async () => {
  let now = 0;
  const memory = new MemoryStore({ holding: HOLDING, clients: 1000, clock: () => now * 1000 });
  const keys = [fresh(), fresh(), fresh()];
  for (let round = 0; round < 60; round++) {
    const clients = keys.map((key, k): Reported => {
      const hits = Array.from({ length: (round * 7 + k) % 4 }, (_, i): [number, number] => [
        (round * 13 + i * 17 + k) % 70,
        i + 1,
      ]);
      const added =
        round % 3 === 0
          ? {}
          : { errors_4xx: round, bytes: 1000 * round, paths: { hi: 1 << k, lo: 2 ** (round % 32) } };
      return { key, hits, added };
    });
    const same = batch(clients);
    const [{ now: at }] = [await redis.look(keys)];
    now = at.s;
    const applied = await redis.apply(same);
    if (applied.now.s !== at.s) return; // the second changed between the two: their seconds would differ
    const other = memory.applyNow(same);
    other.records.forEach((record, i) =>
      assert.deepEqual(record, applied.records[i], `round ${round}, client ${i}`),
    );
  }
});

test('a record expires after the window, a held one when it may return again after its hold', async () => {
  const key = fresh();
  await redis.apply(batch([{ key, hits: [[0, 1]], added: {} }]));
  const idle = await server.client.ttl(redis.key(key));
  assert.ok(idle >= 60 && idle <= 80, `${idle} s`);
  const { now } = await redis.look([key]);
  await redis.hold([{ key, tier: 2, since: [now.s, now.s + 30], returned: 0, found: NOBODY }]);
  const held = await server.client.ttl(redis.key(key));
  assert.ok(held > 5600 && held <= 5632, `${held} s`);
  await redis.apply(batch([{ key, hits: [[0, 1]], added: {} }]));
  assert.ok((await server.client.ttl(redis.key(key))) > 5600);
  const back = { tier: 0, since: [0, 0], returned: now.s };
  await redis.hold([{ key, ...back, found: { tier: 2, since: [now.s, now.s + 30], returned: 0 } }]);
  await redis.apply(batch([{ key, hits: [[0, 1]], added: {} }]));
  const returned = await server.client.ttl(redis.key(key));
  assert.ok(returned > 4950 && returned <= 5000, `${returned} s`);
});

test('Redis knows a forgotten client for as long as a gateway may name its tier, active or not', async () => {
  const key = fresh();
  await redis.change([{ ip: key, forget: true }], 0);
  const quiet = await server.client.ttl(redis.key(key));
  assert.ok(quiet > 590 && quiet <= 600, `${quiet} s`);
  await redis.apply(batch([{ key, hits: [[0, 1]], added: {} }]));
  const active = await server.client.ttl(redis.key(key));
  assert.ok(active > 590 && active <= 601, `${active} s`);
});

test('a record of nonsense is begun anew', async () => {
  const key = fresh();
  await server.client.set(redis.key(key), 'nonsense of some length');
  const applied = await redis.apply(batch([{ key, hits: [[0, 2]], added: { heads: 1 } }]));
  assert.equal(hitsOf(windowIn(applied)), 2);
});

test('when the wall clock steps, a batch lands in its second, and the clock learned from Redis goes on', async (t) => {
  for (const step of [-600_000, 600_000]) {
    const key = fresh();
    const { now } = await redis.look([key]);
    const real = Date.now;
    t.mock.method(Date, 'now', () => real() + step);
    const clock = redis.nowMs();
    const applied = await redis.apply(batch([{ key, hits: [[0, 3]], added: {} }]));
    t.mock.reset();
    assert.deepEqual(windowIn(applied).hits, [[0, 3]], `${step} ms`);
    assert.ok(Math.abs(clock - (1000 * now.s + now.ms)) < 1000, `${step} ms`);
  }
});

test('until Redis has answered, its clock is taken to be ours', () => {
  const unasked = new RedisStore({ url: 'redis://127.0.0.1:1', holding: HOLDING });
  assert.ok(Math.abs(unasked.nowMs() - Date.now()) < 1000);
});

test('after SCRIPT FLUSH the next batch counts', async () => {
  await server.client.script('FLUSH');
  const key = fresh();
  const applied = await redis.apply(batch([{ key, hits: [[0, 2]], added: {} }]));
  assert.equal(applied.counted, true);
  assert.equal(hitsOf(windowIn(applied)), 2);
});

test('the memory store forgets the client seen longest ago when it is full', async () => {
  const memory = new MemoryStore({ holding: HOLDING, clients: 2 });
  const keys = [fresh(), fresh(), fresh()];
  for (const key of keys) await memory.apply(batch([{ key, hits: [[0, 1]], added: {} }]));
  const { records } = await memory.look(keys);
  assert.deepEqual(
    records.map((record) => record.length > 0),
    [false, true, true],
  );
  assert.equal(memory.forgotten, 1);
});

test('the memory store lets idle clients go, held ones when they may return again', async () => {
  let now = 1_000_000;
  const memory = new MemoryStore({ holding: HOLDING, clients: 10, clock: () => now * 1000 });
  await memory.apply(
    batch([
      { key: 'a', hits: [[0, 1]], added: {} },
      { key: 'b', hits: [[0, 1]], added: {} },
    ]),
  );
  await memory.hold([{ key: 'b', tier: 1, since: [now, 0], returned: 0, found: NOBODY }]);
  now += 100;
  assert.deepEqual(
    (await memory.look(['a', 'b'])).records.map((r) => r.length > 0),
    [false, true],
  );
  now += 5100;
  assert.deepEqual(
    (await memory.look(['a', 'b'])).records.map((r) => r.length > 0),
    [false, false],
  );
});

test('the memory store knows a forgotten client for as long as a gateway may name its tier, active or not', async () => {
  let now = 1_000_000;
  const memory = new MemoryStore({ holding: HOLDING, clients: 10, clock: () => now * 1000 });
  const forget = ['a', 'b'].map((ip) => ({ ip, forget: true }) as const);
  await memory.change(forget, 0);
  await memory.apply(batch([{ key: 'b', hits: [[0, 1]], added: {} }]));
  const known = async () => (await memory.look(['a', 'b'])).records.map((record) => decode(record, 2)?.tier);
  now += 599;
  assert.deepEqual(await known(), [0, 0]);
  now += 1;
  assert.deepEqual(await known(), [undefined, undefined]);
});
