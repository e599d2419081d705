/** What only the store in memory does. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { MemoryStore } from '../../scorer/store/memory.ts';
import { decode } from '../../scorer/store/record.ts';
import { HOLDING, NOBODY, batch, fresh } from './stores.ts';

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
