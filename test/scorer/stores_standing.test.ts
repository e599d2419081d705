/** Tiers, gateways, pins and what is forgotten, in Redis and in memory. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { decode } from '../../scorer/store/record.ts';
import { hitsOf, windowAt } from '../../scorer/window.ts';
import { NOBODY, batch, fresh, inEachStore, windowIn } from './stores.ts';

inEachStore(15101, (store) => {
  test('a standing lives in the record, and counting keeps them', async () => {
    const key = fresh();
    await store().apply(batch([{ key, hits: [[0, 1]], added: {} }]));
    const { now } = await store().look([key]);
    await store().hold([{ key, tier: 2, since: [now.s, now.s + 9], returned: now.s - 7, found: NOBODY }]);
    const applied = await store().apply(batch([{ key, hits: [[0, 1]], added: {} }]));
    const record = decode(applied.records[0] as Buffer, 2);
    assert.deepEqual([record?.tier, record?.since, record?.returned], [2, [now.s, now.s + 9], now.s - 7]);
    assert.equal(hitsOf(windowIn(applied)), 2);
  });

  const standing = async (key: string): Promise<unknown> => {
    const record = decode((await store().look([key])).records[0] as Buffer, 2);
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
      await store().hold([{ key, ...before, found: NOBODY }]);
      for (const one of order) await store().hold([{ key, ...one, found: before }]);
      assert.deepEqual(await standing(key), newer);
    }
  });

  const slow = { tier: 2, since: [100, 100], returned: 0 };
  const free = { tier: 0, since: [0, 0], returned: 760 };

  test('of two judgements the later return stands, and a client that has returned is none that was forgotten', async () => {
    const key = fresh();
    await store().hold([{ key, ...slow, found: NOBODY }]);
    await store().hold([{ key, ...free, found: slow }]);
    await store().hold([{ key, tier: 1, since: [790, 0], returned: 760, found: free }]);
    await store().hold([{ key, tier: 2, since: [795, 791], returned: 750, found: free }]);
    assert.deepEqual(await standing(key), { tier: 2, since: [795, 791], returned: 760 });
  });

  test('a judgement that only kept a tier does not bring it back when another has let the client go', async () => {
    const key = fresh();
    await store().hold([{ key, ...slow, found: NOBODY }]);
    await store().hold([{ key, ...free, found: slow }]);
    await store().hold([{ key, ...slow, found: slow }]);
    assert.deepEqual(await standing(key), free);
  });

  test('a judgement that saw a new offence stands, whether a release is written before it or after', async () => {
    const offended = { tier: 2, since: [780, 770], returned: 0 };
    for (const order of [
      [free, offended],
      [offended, free],
    ]) {
      const key = fresh();
      await store().hold([{ key, ...slow, found: NOBODY }]);
      for (const one of order) await store().hold([{ key, ...one, found: slow }]);
      assert.deepEqual(await standing(key), { ...offended, returned: free.returned });
    }
  });

  test('no judgement from before a client was forgotten brings a tier back, active or not', async () => {
    for (const found of [NOBODY, slow]) {
      for (const hits of [0, 3]) {
        const key = fresh();
        await store().hold([{ key, ...slow, found: NOBODY }]);
        await store().change([{ ip: key, forget: true }], 0);
        if (hits > 0) await store().apply(batch([{ key, hits: [[0, hits]], added: {} }]));
        await store().hold([{ key, tier: 2, since: [1e9, 1e9], returned: 0, found }]);
        assert.equal(decode((await store().look([key])).records[0] as Buffer, 2)?.tier, 0);
      }
    }
  });

  test('what a client does after it was forgotten is held against it', async () => {
    const key = fresh();
    await store().change([{ ip: key, forget: true }], 0);
    const { records, now } = await store().look([key]);
    const found = decode(records[0] as Buffer, 2) ?? NOBODY;
    const offended = { tier: 2, since: [now.s + 59, now.s + 50], returned: 0 };
    await store().hold([{ key, ...offended, found }]);
    assert.deepEqual(await standing(key), offended);
  });

  test('a tier outlives a record that was lost', async () => {
    const key = fresh();
    const { now } = await store().look([key]);
    await store().hold([{ key, tier: 1, since: [now.s, 0], returned: 0, found: NOBODY }]);
    const { records } = await store().look([key]);
    assert.equal(decode(records[0] as Buffer, 2)?.tier, 1);
    assert.equal(decode(records[0] as Buffer, 2)?.last, 0);
  });

  test('with another number of tiers a tier is void and the window stays', async () => {
    const key = fresh();
    await store().apply(batch([{ key, hits: [[0, 3]], added: {} }]));
    await store().hold([{ key, tier: 1, since: [5, 0], returned: 0, found: NOBODY }]);
    const { records, now } = await store().look([key]);
    const record = decode(records[0] as Buffer, 3);
    assert.equal(record?.tier, -1);
    assert.equal(record && hitsOf(windowAt(record.track, now.s)), 3);
  });

  test('gateways are counted by name, senders that are none are not', async () => {
    await store().apply(batch([], { gateway: 'a', sender: 'a/1/1' }));
    await store().apply(batch([], { gateway: 'a', sender: 'a/1/2' }));
    await store().apply(batch([], { gateway: 'b', sender: 'b/1/1' }));
    const { gateways } = await store().apply(batch([], { gateway: '', sender: 'x/1/1' }));
    assert.ok(gateways === 2 || gateways === 3, `${gateways}: a, b, and perhaps the one of the tests before`);
  });

  test('a change raises the generation, and pins are kept until they are taken back', async () => {
    const [a, b] = [fresh(), fresh()];
    const first = await store().change([{ ip: a, pin: 'slow' }], 0);
    const second = await store().change(
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
    assert.equal((await store().look([a])).generation, second.generation);
    const floor = second.generation + 1000;
    assert.equal((await store().change([], floor)).generation, floor);
  });

  test('of more than a thousand changes the last thousand are kept', async () => {
    const many = Array.from({ length: 700 }, () => ({ ip: '10.9.9.9', pin: 'slow' }));
    const first = await store().change(many, 0);
    const second = await store().change(many, 0);
    assert.equal(second.kept.length, 1000);
    assert.equal(second.complete, first.generation);
  });

  test('a forgotten client has an empty window and the best tier', async () => {
    const key = fresh();
    await store().apply(batch([{ key, hits: [[0, 9]], added: {} }]));
    await store().hold([{ key, tier: 2, since: [9, 9], returned: 0, found: NOBODY }]);
    await store().change([{ ip: key, forget: true }], 0);
    const applied = await store().look([key]);
    assert.equal(hitsOf(windowIn(applied)), 0);
    assert.equal(decode(applied.records[0] as Buffer, 2)?.tier, 0);
  });
});
