/** Counting, in Redis and in memory. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { decode } from '../../scorer/store/record.ts';
import type { Reported } from '../../scorer/store/store.ts';
import { hitsOf } from '../../scorer/window.ts';
import { batch, fresh, inEachStore, windowIn } from './stores.ts';

inEachStore(15100, (store) => {
  test('a client never seen has no record, and looking makes none', async () => {
    const key = fresh();
    assert.equal((await store().look([key])).records[0]?.length, 0);
    assert.equal((await store().apply(batch([{ key, added: {} }]))).records[0]?.length, 0);
    assert.equal((await store().look([key])).records[0]?.length, 0);
  });

  test('hits are placed by their age, to the second', async () => {
    const key = fresh();
    const hits: [number, number][] = [
      [59, 7],
      [10, 2],
      [0, 1],
      [10, 3],
    ];
    const applied = await store().apply(batch([{ key, hits, added: {} }]));
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
    const applied = await store().apply(batch([{ key, hits, added: {} }]));
    assert.equal(applied.records[0]?.length, 0);
  });

  test('hits of several reports and gateways add up, in whatever order they come', async () => {
    const key = fresh();
    await store().apply(batch([{ key, hits: [[5, 1]], added: {} }]));
    await store().apply(batch([{ key, hits: [[30, 2]], added: {} }], { sender: 'other/1/1' }));
    const applied = await store().apply(batch([{ key, hits: [[1, 4]], added: {} }]));
    assert.equal(hitsOf(windowIn(applied)), 7);
  });

  test('observations add up, and bitmaps merge by OR', async () => {
    const key = fresh();
    const one = { errors_4xx: 3, assets: 2 ** 32 - 1, paths: { hi: 0x80000001, lo: 0 } };
    const other = { errors_4xx: 2, tools: 1, assets: 5, paths: { hi: 1, lo: 0xffffffff } };
    await store().apply(batch([{ key, hits: [[0, 3]], added: one }]));
    const window = windowIn(await store().apply(batch([{ key, hits: [[0, 2]], added: other }])));
    assert.deepEqual({ ...window.counts }, { errors_4xx: 5, tools: 1, assets: 2 ** 16 - 1 });
    assert.equal(Math.round(window.distinct['paths'] as number), Math.round(64 * Math.log(64 / 30)));
  });

  test('observations older than the window are left out', async () => {
    const key = fresh();
    const applied = await store().apply(batch([{ key, hits: [[70, 1]], added: { errors_4xx: 9 } }]));
    assert.deepEqual({ ...windowIn(applied).counts }, {});
  });

  test('a batch that comes twice counts once, and is answered both times', async () => {
    const key = fresh();
    const same = batch([{ key, hits: [[0, 2]], added: { tools: 1 } }]);
    assert.equal((await store().apply(same)).counted, true);
    const again = await store().apply(same);
    assert.equal(again.counted, false);
    assert.equal(hitsOf(windowIn(again)), 2);
    assert.deepEqual({ ...windowIn(again).counts }, { tools: 1 });
  });

  test('a batch older than the last one of its sender does not count, one of another sender does', async () => {
    const key = fresh();
    const clients = [{ key, hits: [[0, 1] as const], added: {} }];
    const older = batch(clients);
    await store().apply(batch(clients));
    assert.equal((await store().apply(older)).counted, false);
    const other = await store().apply({ ...older, sender: 'another/1/1' });
    assert.equal(other.counted, true);
    assert.equal(hitsOf(windowIn(other)), 2);
  });

  test('a client that comes twice in a batch is counted twice', async () => {
    const key = fresh();
    const client: Reported = { key, hits: [[0, 1]], added: {} };
    const applied = await store().apply(batch([client, client]));
    assert.equal(hitsOf(windowIn(applied, 1)), 2);
  });

  test('512 clients come back in their order', async () => {
    const clients = Array.from({ length: 512 }, (_, i): Reported => ({
      key: fresh(),
      hits: [[0, i + 1]],
      added: {},
    }));
    const applied = await store().apply(batch(clients));
    clients.forEach((_, i) => assert.equal(hitsOf(windowIn(applied, i)), i + 1));
  });

  test('the busiest client has less than 1 KB', async () => {
    const minute = async (): Promise<Buffer> => {
      const key = fresh();
      const first = await store().look([key]);
      for (let age = 59; age >= 0; age--) {
        const added = { errors_4xx: 9, errors_5xx: 1, assets: 1e9, paths: { hi: age, lo: age } };
        await store().apply(batch([{ key, hits: [[age, 1e6]], added }]));
      }
      const { records, now } = await store().look([key]);
      // Ages are counted from the moment of a report: of a second that ends meanwhile one is missing.
      return now.s === first.now.s ? (records[0] as Buffer) : minute();
    };
    const record = await minute();
    assert.ok(record.length < 1024, `${record.length} bytes`);
    assert.equal(decode(record, 2)?.track.hits.length, 60);
  });
});
