/** Tiers and leases, with models that are only a function: what is promised is compared with what then happens. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { judge, type Judging } from '../../scorer/judge.ts';
import { addObserved } from '../../scorer/window.ts';
import { fakeModel } from './models.ts';
import { LINES, NOW, one, record, SLOW, STANDARD, subject } from './judged.ts';

test('the score alone decides for a client without a past', async () => {
  assert.equal((await one(subject(record([[0, STANDARD - 1]])))).tier, 0);
  assert.equal((await one(subject(record([[0, STANDARD]])))).tier, 1);
  assert.equal((await one(subject(record([[0, SLOW]])))).tier, 2);
});

test('a lease of hits ends exactly before the request that crosses the line', async () => {
  for (const hits of [0, 1, 17, 60, 80, 81]) {
    const { lease } = await one(subject(record(hits === 0 ? [] : [[0, hits]])));
    assert.equal(lease.hits, STANDARD - 1 - hits, `${hits} hits`);
    assert.equal((await one(subject(record([[0, hits + lease.hits]])))).tier, 0);
    assert.equal((await one(subject(record([[0, hits + lease.hits + 1]])))).tier, 1);
  }
});

test('for a model that sees hits alone, error answers and signs are hits', async () => {
  const { lease } = await one(subject(record([[0, 60]])));
  assert.deepEqual([lease.hits, lease.errors, lease.signs], [21, 22, 22]);
});

test('a lease is at most 1,024, and that in the worst tier', async () => {
  const { lease } = await one(subject(record([[0, 5]])), { model: fakeModel({ middle: 1e6 }) });
  assert.deepEqual([lease.hits, lease.errors, lease.signs], [1024, 1024, 1024]);
  const worst = await one(subject(record([[0, 500]])));
  assert.deepEqual([worst.lease.hits, worst.lease.errors, worst.lease.signs], [1024, 1024, 1024]);
});

/** 4xx count threefold, POSTs fivefold. */
const minding: Judging = {
  features: ['requests_60s', 'errors_4xx', 'other_methods'],
  thresholds: LINES.thresholds,
  monotone: true,
  score: (rows, n) =>
    Float64Array.from({ length: n }, (_, i) => {
      const [requests = 0, errors = 0, posts = 0] = rows.subarray(3 * i, 3 * i + 3);
      return 1 - Math.exp(-(requests + 3 * errors + 5 * posts) / 200);
    }),
};

test('a model that minds errors and signs gives shorter leases of those, found with the model itself', async () => {
  const made = record([[0, 20]]);
  addObserved(made.track, NOW, { counts: { other_methods: 1 }, bitmaps: {} });
  const { lease } = await one(subject(made), { model: minding });
  // 0.35 needs 86.2 points; 25 are there: 48 hits at 1.25 stay below, 15 errors at 4.25 cross, 11 POSTs at 6 do.
  assert.deepEqual([lease.hits, lease.errors, lease.signs], [48, 15, 11]);
});

test('the mix of requests stays as it is while hits are counted up', async () => {
  const made = record([[0, 10]]);
  addObserved(made.track, NOW, { counts: { errors_4xx: 10 }, bitmaps: {} });
  const { lease } = await one(subject(made), { model: minding });
  assert.equal(lease.hits, 11); // 4 points a request: 21 requests stay below 86.2
});

test('a model that is not monotone gets leases of 1', async () => {
  const { lease } = await one(subject(record([[0, 5]])), { model: { ...fakeModel(), monotone: false } });
  assert.deepEqual([lease.hits, lease.errors, lease.signs], [1, 1, 1]);
});

test('a lease takes at most 16 evaluations a question, however many clients there are', async () => {
  const model = fakeModel();
  const subjects = Array.from({ length: 300 }, (_, i) => subject(record([[0, 1 + (i % 80)]])));
  await judge(model, subjects, LINES, { s: NOW, ms: 0 });
  assert.ok(model.calls <= 1 + 16, `${model.calls} calls`);
});

test('a client whose lease holds keeps it unless something changes, and costs no search', async () => {
  const model = fakeModel();
  const left = STANDARD - 1 - 60;
  const kept = await one(subject(record([[0, 60]]), { leased: left }), { model });
  assert.deepEqual([kept.tier, kept.requests_60s, kept.lease], [0, 60, undefined]);
  assert.equal(model.calls, 2);
  const alone = await one(subject(record([[0, 60]])));
  assert.equal(kept.score, alone.score);
  const shorter = await one(subject(record([[0, 60]]), { leased: left + 1 }), { model });
  assert.equal(shorter.lease.hits, left, 'it had more left than still stays below the line');
  const worse = await one(subject(record([[0, STANDARD]]), { leased: 0 }), { model });
  assert.deepEqual([worse.tier, worse.lease.hits], [1, SLOW - 1 - STANDARD]);
  const flood = { tier: 2, since: [NOW - 5, NOW - 5] };
  const slow = await one(subject(record([[0, SLOW]], flood), { leased: 900, reported: 2 }));
  assert.deepEqual([slow.tier, slow.lease], [2, undefined]);
  const held = await one(subject(record([[0, 60]], flood), { leased: 900, reported: 2 }));
  assert.deepEqual([held.tier, held.origin, held.lease.hits], [2, 'held', 1024]);
  const unknown = await one(subject(record([[0, SLOW]], flood), { leased: 900 }));
  assert.equal(unknown.lease.hits, 1024, 'it holds the best tier, as far as anybody knows');
  const pinned = await one(subject(record([[0, 60]]), { leased: 0, pin: 0 }));
  assert.equal(pinned.lease.hits, 1024);
});

test('many clients are judged as each alone would be', async () => {
  const subjects = Array.from({ length: 100 }, (_, i) =>
    subject(record([[i % 50, 2 * i]], i % 3 === 0 ? { tier: i % 2, since: [NOW - i, 0] } : {})),
  );
  const { verdicts } = await judge(fakeModel(), subjects, LINES, { s: NOW, ms: 0 });
  for (const [i, who] of subjects.entries()) {
    const { write: _, ...alone } = await one(who);
    assert.deepEqual(verdicts[i], alone);
  }
});

test('a model that answers later is waited for', async () => {
  const model = fakeModel();
  const slow: Judging = { ...model, score: async (rows, n) => model.score(rows, n) };
  assert.equal((await one(subject(record([[0, 60]])), { model: slow })).lease.hits, 21);
});
