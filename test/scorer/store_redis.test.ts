/** What only the store in Redis does. */
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { MemoryStore } from '../../scorer/store/memory.ts';
import { RedisStore } from '../../scorer/store/redis.ts';
import type { Reported } from '../../scorer/store/store.ts';
import { hitsOf } from '../../scorer/window.ts';
import { HOLDING, NOBODY, batch, fresh, startStore, windowIn, type Running } from './stores.ts';

let running: Running;
before(async () => {
  running = await startStore(15102);
});
after(() => running.stop());

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
          : { errors_4xx: round, tools: 1000 * round, paths: { hi: 1 << k, lo: 2 ** (round % 32) } };
      return { key, hits, added };
    });
    const same = batch(clients);
    const [{ now: at }] = [await running.redis.look(keys)];
    now = at.s;
    const applied = await running.redis.apply(same);
    if (applied.now.s !== at.s) return; // the second changed between the two: their seconds would differ
    const other = memory.applyNow(same);
    other.records.forEach((record, i) =>
      assert.deepEqual(record, applied.records[i], `round ${round}, client ${i}`),
    );
  }
});

test('a record expires after the window, a held one when it may return again after its hold', async () => {
  const key = fresh();
  await running.redis.apply(batch([{ key, hits: [[0, 1]], added: {} }]));
  const idle = await running.server.client.ttl(running.redis.key(key));
  assert.ok(idle >= 60 && idle <= 80, `${idle} s`);
  const { now } = await running.redis.look([key]);
  await running.redis.hold([{ key, tier: 2, since: [now.s, now.s + 30], returned: 0, found: NOBODY }]);
  const held = await running.server.client.ttl(running.redis.key(key));
  assert.ok(held > 5600 && held <= 5632, `${held} s`);
  await running.redis.apply(batch([{ key, hits: [[0, 1]], added: {} }]));
  assert.ok((await running.server.client.ttl(running.redis.key(key))) > 5600);
  const back = { tier: 0, since: [0, 0], returned: now.s };
  await running.redis.hold([{ key, ...back, found: { tier: 2, since: [now.s, now.s + 30], returned: 0 } }]);
  await running.redis.apply(batch([{ key, hits: [[0, 1]], added: {} }]));
  const returned = await running.server.client.ttl(running.redis.key(key));
  assert.ok(returned > 4950 && returned <= 5000, `${returned} s`);
});

test('Redis knows a forgotten client for as long as a gateway may name its tier, active or not', async () => {
  const key = fresh();
  await running.redis.change([{ ip: key, forget: true }], 0);
  const quiet = await running.server.client.ttl(running.redis.key(key));
  assert.ok(quiet > 590 && quiet <= 600, `${quiet} s`);
  await running.redis.apply(batch([{ key, hits: [[0, 1]], added: {} }]));
  const active = await running.server.client.ttl(running.redis.key(key));
  assert.ok(active > 590 && active <= 601, `${active} s`);
});

test('a record of nonsense is begun anew', async () => {
  const key = fresh();
  await running.server.client.set(running.redis.key(key), 'nonsense of some length');
  const applied = await running.redis.apply(batch([{ key, hits: [[0, 2]], added: { tools: 1 } }]));
  assert.equal(hitsOf(windowIn(applied)), 2);
});

test('when the wall clock steps, a batch lands in its second, and the clock learned from Redis goes on', async (t) => {
  for (const step of [-600_000, 600_000]) {
    const key = fresh();
    const { now } = await running.redis.look([key]);
    const real = Date.now;
    t.mock.method(Date, 'now', () => real() + step);
    const clock = running.redis.nowMs();
    const applied = await running.redis.apply(batch([{ key, hits: [[0, 3]], added: {} }]));
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
  await running.server.client.script('FLUSH');
  const key = fresh();
  const applied = await running.redis.apply(batch([{ key, hits: [[0, 2]], added: {} }]));
  assert.equal(applied.counted, true);
  assert.equal(hitsOf(windowIn(applied)), 2);
});
