import assert from 'node:assert/strict';
import test from 'node:test';
import { BacktestGateway, type Routed } from '../../train/backtest_gateway.ts';
import type { Judging } from '../../scorer/judge.ts';
import { fakeModel } from '../scorer/models.ts';
import { LINES, request, type Asked } from './arrivals.ts';

async function routes(model: Judging, asked: readonly Asked[]): Promise<[BacktestGateway, Routed[]]> {
  const gateway = new BacktestGateway(model, LINES, 1000);
  const routed: Routed[] = [];
  for (const one of asked) routed.push(gateway.arrive(request(one)));
  gateway.finish();
  return [gateway, routed];
}
const tiersOf = (routed: readonly Routed[]): number[] => routed.map(({ tier }) => tier);
const every = (seconds: number, n: number, more: Omit<Asked, 'at'> = {}): Asked[] =>
  Array.from({ length: n }, (_, i) => ({ at: i * seconds, ...more }));
/** A model that minds nothing but errors: 0.5 at `middle` of them. */
function errorModel(middle: number): Judging {
  const score = (rows: Float64Array, n: number): Float64Array =>
    Float64Array.from({ length: n }, (_, i) => 1 / (1 + Math.exp(middle - (rows[2 * i + 1] as number))));
  return { features: ['requests_60s', 'errors_4xx'], thresholds: [0.5, 0.9], monotone: true, score };
}

test('a flood is moved at the request whose score crosses the line, however long its leases were', async () => {
  const model = fakeModel({ middle: 100 });
  const crosses = Array.from(
    { length: 300 },
    (_, i) => (model.score(Float64Array.of(i + 1), 1) as Float64Array)[0],
  );
  const expected = [0.35, 0.7].map((line) => crosses.findIndex((score) => (score as number) >= line));
  const [, routed] = await routes(model, every(0.05, 300));
  assert.deepEqual(
    [1, 2].map((tier) => tiersOf(routed).findIndex((t) => t >= tier)),
    expected,
  );
});

test('leases spare the scorer: a flood in one second needs far fewer verdicts than it has requests', async () => {
  const [{ counts }, routed] = await routes(fakeModel({ middle: 5000 }), every(0.0005, 1000));
  assert.equal(counts.firstSeen, 1);
  assert.ok(counts.verdicts < 20, String(counts.verdicts));
  assert.equal(routed.filter(({ origin }) => origin === 'fresh').length, 1);
});

test('an answer does not count for its own request, only for those after it has ended', async () => {
  const slow = every(1, 12, { status: 404, seconds: 5.5 });
  const [, late] = await routes(errorModel(3), slow);
  const [, soon] = await routes(errorModel(3), every(1, 12, { status: 404 }));
  assert.equal(tiersOf(soon).indexOf(1), 3); // three errors are known when the fourth request comes
  assert.equal(tiersOf(late).indexOf(1), 8); // the third answer ends 7.5 s after the start
});

test('a scanner is moved by its errors at once, though it has hits left', async () => {
  const [{ counts }, routed] = await routes(errorModel(5), every(0.01, 20, { status: 404 }));
  assert.equal(tiersOf(routed).indexOf(1), 5);
  assert.ok(counts.usedUp >= 1);
});

test('what nobody waits for is known when the client is seen again', async () => {
  const [{ counts }, routed] = await routes(fakeModel({ middle: 100 }), [{ at: 0 }, { at: 0.1 }, { at: 5 }]);
  assert.equal(counts.firstSeen, 1);
  assert.equal(counts.unreported, 2); // the second request with both answers; the third's with its answer
  assert.equal(counts.verdicts, 3);
  const scores = fakeModel({ middle: 100 }).score(Float64Array.of(1, 2), 2) as Float64Array;
  assert.deepEqual(
    routed.map((one) => one.score.toFixed(5)),
    [0, 0, 1].map((i) => (scores[i] as number).toFixed(5)),
  );
});

test('an answer that adds nothing is not reported', async () => {
  for (const [status, unreported] of [
    [200, 0],
    [304, 1],
  ] as const) {
    const [{ counts }] = await routes(fakeModel({ middle: 100 }), [{ at: 0, status, seconds: 5 }]);
    assert.deepEqual([counts.firstSeen, counts.unreported], [1, unreported], `an answer of ${status}`);
  }
});

test('a sign that the model hardly minds does not end the lease, one that could cross a line does', async () => {
  /** 0.5 at `middle` requests with an odd method, and with `middle` of anything at all. */
  const minding = (middle: number): Judging => ({
    ...fakeModel(),
    features: ['requests_60s', 'other_methods'],
    score: (rows, n) =>
      Float64Array.from({ length: n }, (_, i) => {
        const x = (rows[2 * i] as number) / 5000 + (rows[2 * i + 1] as number);
        return x / (x + middle);
      }),
  });
  const post = (at: number): Asked => ({ at, method: 'POST' });
  const asked = [...every(0.01, 3), post(0.04), post(0.05)];
  const used = async (model: Judging): Promise<number> => (await routes(model, asked))[0].counts.usedUp;
  assert.equal(await used(fakeModel({ middle: 5000 })), 0, 'a model that does not see it');
  assert.equal(await used(minding(100)), 0);
  assert.equal(await used(minding(1.5)), 1, 'once, and then it is in the window');
});

test('a client goes back only after its hold, and is held until then', async () => {
  const flood = every(0.1, 300);
  const back = [40, 100, 150, 200, 300].map((at) => ({ at: 30 + at }));
  const [, routed] = await routes(fakeModel({ middle: 100, thresholds: [0.35, 0.99] }), [...flood, ...back]);
  assert.equal(routed[299]?.tier, 1);
  const after = routed.slice(300);
  assert.deepEqual(tiersOf(after.slice(0, 3)), [1, 1, 1]);
  assert.equal(after[2]?.origin, 'held');
  assert.equal(after.at(-1)?.tier, 0);
});

test('a lease ended by time is served once more', async () => {
  const [{ counts }, routed] = await routes(fakeModel({ middle: 5000 }), [
    { at: 0 },
    { at: 61 },
    { at: 61.5 },
  ]);
  assert.deepEqual(
    routed.map(({ origin }) => origin),
    ['fresh', 'stale', 'leased'],
  );
  assert.equal(counts.ended, 1);
});

test('what a lease is found to be step by step is what judge() grants', async () => {
  // The same traffic with a model that says it is not monotone asks at every step: the tiers must be the same.
  const traffic = [
    ...every(0.2, 200, { status: 404 }),
    ...every(0.3, 300).map((one) => ({ ...one, at: 60 + one.at })),
  ];
  const model = errorModel(60);
  const [leased, one] = await routes(model, traffic);
  const [each, other] = await routes({ ...model, monotone: false }, traffic);
  assert.deepEqual(tiersOf(one), tiersOf(other));
  assert.ok(leased.counts.verdicts < each.counts.verdicts / 2);
});
