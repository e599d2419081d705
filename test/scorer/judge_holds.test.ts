/** Who is held in a tier, for how long, and who is let go. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { seeded } from '../../scorer/random.ts';
import { emptyRecord, type ClientRecord } from '../../scorer/store/record.ts';
import type { Lines } from '../../scorer/tier.ts';
import { addHits } from '../../scorer/window.ts';
import { LINES, NOBODY, NOW, one, record, SLOW, STANDARD, subject } from './judged.ts';

test('getting worse is immediate, getting better takes the hold from the last second at which the score had not fallen', async () => {
  const flood: [number, number][] = [
    [3, 100],
    [0, 100],
  ];
  const first = await one(subject(record(flood)));
  assert.equal(first.tier, 2);
  // 100 hits are left after 57 s (score 0.49), none after 60: 0.65 is last reached after 56 s, 0.30 after 59.
  const held = { tier: 2, since: [NOW + 59, NOW + 56], returned: 0 };
  assert.deepEqual(first.write, { key: 'a', ...held, found: NOBODY });
  const since = [...(first.write?.since ?? [])];
  const later = async (s: number) => one(subject(record([], { tier: 2, since })), { now: s });
  assert.equal((await later(NOW + 56 + 599)).tier, 2);
  assert.equal((await later(NOW + 56 + 599)).origin, 'held');
  const freed = await later(NOW + 56 + 600);
  assert.equal(freed.tier, 0, 'the hold of the better line ended before');
  const free = { tier: 0, since: [0, 0], returned: NOW + 56 + 600 };
  assert.deepEqual(freed.write, { key: 'a', ...free, found: held });
});

test('between line and margin a client stays, and its hold begins anew', async () => {
  const before = { tier: 1, since: [NOW - 119, 0] };
  const inside = await one(subject(record([[0, 78]], before)));
  assert.equal(inside.tier, 1);
  assert.deepEqual(inside.write?.since, [NOW + 59, 0]);
  const below = await one(subject(record([[0, 70]], before)));
  assert.equal(below.tier, 1);
  assert.equal(below.write, undefined);
  assert.equal((await one(subject(record([[0, 70]], { tier: 1, since: [NOW - 120, 0] })))).tier, 0);
});

test('a held client that reaches the line again has a lease up to the next worse line', async () => {
  const held = await one(subject(record([[0, 10]], { tier: 1, since: [NOW - 5, 0] })));
  assert.equal(held.tier, 1);
  assert.equal(held.lease.hits, SLOW - 1 - 10);
});

test('ttl_ms ends when the tier would improve without more hits, and is at most 60 s', async () => {
  const soon = await one(subject(record([], { tier: 1, since: [NOW - 100, 0] })), { ms: 250 });
  assert.equal(soon.lease.ttl_ms, 19_750);
  assert.equal(
    (await one(subject(record([], { tier: 1, since: [NOW - 100, 0] })), { now: NOW + 20 })).tier,
    0,
  );
  assert.equal((await one(subject(record([[0, 500]])))).lease.ttl_ms, 60_000);
  assert.equal((await one(subject(record([[0, 1]])))).lease.ttl_ms, 60_000);
});

const DAY = 86_400;
const REPEATED: Lines = { ...LINES, holds: [120, 60], repeat: DAY, clean: 20 };

test('who has been let go once is let go a second time only a day later, one tier at a time', async () => {
  const since = [NOW - 700, NOW - 700];
  const at = (now: number, standing: Partial<ClientRecord>, lines = REPEATED) =>
    one(subject(record([], standing)), { lines, now });
  const first = await at(NOW, { tier: 2, since });
  assert.deepEqual([first.write?.tier, first.write?.returned], [1, NOW], 'though no line holds it any more');
  const back = { tier: 1, since: [NOW - 700, 0], returned: NOW };
  const held = await at(NOW + DAY - 1, back);
  assert.deepEqual([held.tier, held.origin, held.write], [1, 'held', undefined]);
  assert.equal(held.lease.ttl_ms, 1000);
  const later = await at(NOW + DAY, back);
  assert.deepEqual([later.tier, later.write?.returned], [0, NOW + DAY]);
  assert.equal(
    (await at(NOW, { tier: 2, since }, { ...REPEATED, repeat: 0 })).tier,
    0,
    'without repeat at once',
  );
});

test('worse stays immediate, and keeps the second of the return', async () => {
  const back = { tier: 0, since: [0, 0], returned: NOW - 5 };
  const { write } = await one(subject(record([[0, SLOW]], back)), { lines: REPEATED });
  assert.deepEqual([write?.tier, write?.returned], [2, NOW - 5]);
});

test('a whole minute of requests below the line lets out of the worst tier before the day is over', async () => {
  const tier = async (requests: number, standing: Partial<ClientRecord>, lines = REPEATED) =>
    (await one(subject(record([[0, requests]], standing)), { lines })).tier;
  const slow = { tier: 2, since: [NOW - 70, NOW - 60], returned: NOW - 100 };
  assert.equal(await tier(20, slow), 1);
  assert.equal(await tier(19, slow), 2);
  assert.equal(await tier(20, { ...slow, since: [NOW - 70, NOW - 59] }), 2, 'its hold is not over');
  assert.equal(await tier(20, slow, { ...REPEATED, clean: 0 }), 2);
  assert.equal(
    await tier(20, { tier: 1, since: [NOW - 700, 0], returned: NOW - 100 }),
    1,
    'not out of another',
  );
});

test('however a client behaves, it changes tier at most four times a day', async () => {
  const lines: Lines = { ...REPEATED, clean: 0 };
  const random = seeded(7);
  for (let client = 0; client < 20; client++) {
    let standing: Partial<ClientRecord> = {};
    const changes: number[] = [];
    let tier = 0;
    for (let now = NOW; now < NOW + 5 * DAY; now += 60 + Math.floor(3600 * random())) {
      const made = emptyRecord(2);
      addHits(made.track, now, Math.floor(160 * random()));
      const verdict = await one(subject({ ...made, last: now, ...standing }), { lines, now });
      if (verdict.write) {
        const { tier, since, returned } = verdict.write;
        standing = { tier, since: [...since], returned };
      }
      if (verdict.tier !== tier) changes.push(now);
      tier = verdict.tier;
    }
    assert.ok(changes.length > 5, 'it does change');
    changes.forEach((at, i) => assert.ok((changes[i + 4] ?? Infinity) - at >= DAY, `client ${client}`));
  }
});

test('without holds nothing is held, and ttl_ms is when the score falls below the line', async () => {
  const lines: Lines = { ...LINES, holds: [0, 0] };
  const flood = record([[40, 100]]);
  const { tier, lease } = await one(subject(flood), { lines });
  assert.deepEqual([tier, lease.ttl_ms], [1, 20_000]);
  assert.equal(
    (await one(subject({ ...flood, tier: 1, since: [NOW + 19, 0] }), { lines, now: NOW + 20 })).tier,
    0,
  );
});

test('a lost record comes back with the tier that the gateway holds, for a whole hold', async () => {
  const back = await one(subject(null, { reported: 2 }));
  assert.deepEqual([back.tier, back.origin], [2, 'held']);
  assert.deepEqual(back.write, { key: 'a', tier: 2, since: [NOW, NOW], returned: 0, found: NOBODY });
  const known = await one(subject(record([], { tier: 0 }), { reported: 2 }));
  assert.equal(known.tier, 0, 'a record that says better is right');
});

test('a pinned client has the pinned tier, the longest lease, and no past when the pin is gone', async () => {
  const pinned = await one(subject(record([[0, 500]]), { pin: 0, reported: 0 }));
  assert.deepEqual([pinned.tier, pinned.origin, pinned.lease.hits], [0, 'pinned', 1024]);
  const quiet = await one(subject(record([[0, 1]]), { pin: 2, reported: 2 }));
  assert.deepEqual(quiet.write, { key: 'a', tier: 0, since: [0, 0], returned: 0, found: NOBODY });
});

test('a client in the best tier needs no record of that', async () => {
  assert.equal((await one(subject(record([[0, 1]])))).write, undefined);
});

test('a score that is below the line already has fallen by now, whatever was expected before the clock was set back', async () => {
  const since = [NOW + 3600, NOW + 3600];
  const verdict = await one(subject(record([], { tier: 2, since })));
  assert.equal(verdict.tier, 2);
  assert.equal(verdict.improvesMs, 600 * 1000);
  assert.deepEqual(verdict.write?.since, [NOW, NOW]);
  const after = await one(subject(record([], { tier: 2, since: verdict.write?.since ?? [] })), {
    now: NOW + 600,
  });
  assert.equal(after.tier, 0);
});

test('a clock that was set back makes the time until the next return no longer than that', async () => {
  const early = { tier: 1, since: [NOW - 700, 0], returned: NOW + 3600 };
  const { tier, write, improvesMs } = await one(subject(record([], early)), { lines: REPEATED });
  assert.deepEqual([tier, write?.returned, improvesMs], [1, NOW, 1000 * DAY]);
  const later = { now: NOW + DAY, lines: REPEATED };
  assert.equal((await one(subject(record([], { ...early, returned: NOW })), later)).tier, 0);
});

test('a record that says when its client was forgotten keeps saying so, until the client offends', async () => {
  const forgotten = { tier: 0, since: [NOW - 5, NOW - 5] };
  assert.equal((await one(subject(record([[0, 1]], forgotten)))).write, undefined);
  const { write } = await one(subject(record([[0, STANDARD]], forgotten)));
  assert.deepEqual([write?.tier, write?.since], [1, [NOW + 59, 0]]);
});

test('who is forgotten, and of whom a gateway still knows a worse tier, returns with that: not a second time for a day', async () => {
  const back = await one(subject(null, { reported: 0 }), { lines: REPEATED });
  assert.equal(back.tier, 0);
  assert.deepEqual(back.write, { key: 'a', tier: 0, since: [0, 0], returned: NOW, found: NOBODY });
  const again = { tier: 1, since: [NOW + 60, 0], returned: NOW };
  const held = await one(subject(record([], again)), { lines: REPEATED, now: NOW + DAY - 1 });
  assert.equal(held.tier, 1);
  assert.equal((await one(subject(null), { lines: REPEATED })).write, undefined, 'nobody knows of any');
});
