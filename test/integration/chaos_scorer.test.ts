/** The same (chaos.test.ts) with a scorer that answers, but not as it should. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { after, before, type TestContext } from 'node:test';
import type { Gateway } from '../harness/gateway.ts';
import { FakeScorer, type Behaviour } from '../harness/scorer.ts';
import { assertWaits, Chaos } from '../harness/chaos.ts';

const chaos = new Chaos();
let gateway: Gateway;
before(async () => {
  await chaos.start();
  gateway = chaos.gateway;
});
after(() => chaos.stop());

/** Stops the scorer until the test ends and listens in its place. */
async function inPlaceOfTheScorer(t: TestContext): Promise<FakeScorer> {
  const scorer = new FakeScorer();
  await gateway.scorer.end();
  await scorer.listen(gateway.scorerPort);
  t.after(async () => {
    await scorer.close();
    await gateway.scorer.start();
    await chaos.recovered();
  });
  await chaos.recovered();
  return scorer;
}

const BEHAVIOURS = ['garbage', 'late', 'lost answer', 'error', 'bad length', 'bad changes'] as const;
for (const behaviour of BEHAVIOURS satisfies readonly Behaviour[]) {
  test(`a scorer that gives ${behaviour}: nothing fails, and each hit is counted once`, async (t) => {
    const scorer = await inPlaceOfTheScorer(t);
    scorer.hits = 0;
    const result = await chaos.under(4, async () => {
      await sleep(500);
      scorer.behaviour = behaviour;
      await sleep(2000);
      scorer.behaviour = 'well';
    });
    await chaos.recovered();
    assert.equal(scorer.hits, result.sent);
    if (behaviour === 'lost answer') assert.ok(scorer.repeated > 0, 'no report was sent twice');
    assertWaits(await chaos.logged());
  });
}

test('a scorer that always answers, but later than anybody waits: after a few waits nobody waits any more', async (t) => {
  const scorer = await inPlaceOfTheScorer(t);
  scorer.longest = 0; // every lease is used up by its first request
  scorer.behaviour = 'slow';
  await chaos.logged();
  for (let i = 0; i < 60; i++) {
    await (await gateway.get('/', '198.51.100.77')).arrayBuffer();
    await sleep(10);
  }
  assert.equal(await gateway.metric('scoregate_breaker_open'), 1);
  const lines = (await chaos.logged()).filter((line) => line.client === '198.51.100.77');
  assert.equal(lines.length, 60);
  const waited = lines.filter((line) => Number(line.wait_ms) >= 20).length;
  assert.ok(waited >= 3 && waited <= 10, `${waited} requests waited`);
  assert.equal(lines.at(-1)?.tier, 'fast', 'late verdicts are applied all the same');
  await gateway.drained();
  assert.ok(scorer.hits >= 60, `${scorer.hits} hits reported`);
  scorer.behaviour = 'well';
  await (await gateway.get('/', '198.51.100.77')).arrayBuffer();
  await chaos.recovered();
});
