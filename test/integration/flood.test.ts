import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { load } from '../harness/load.ts';
import { startGateway, type Gateway, type LogLine } from '../harness/gateway.ts';
import { FakeScorer } from '../harness/scorer.ts';

// A scorer with a line at a known request makes overshoot exact; the real one is in path.test.ts.
const LINE = 500;
let scorer: FakeScorer;
before(async () => {
  scorer = new FakeScorer();
  scorer.line = LINE;
  await scorer.listen(16702);
});
after(() => scorer.close());

/** Requests above the line that were not sent to slow, and how many of those had waited in vain. */
function overshoot(lines: LogLine[], ip: string): { better: number; ranOut: number } {
  const mine = lines.filter((line) => line.client === ip);
  const better = mine.filter((line) => line.tier !== 'slow');
  const ranOut = better.filter((line) => line.origin === 'stale' || line.origin === 'default').length;
  return { better: better.length - LINE, ranOut };
}

for (const workers of [1, 2, 4]) {
  test(`with ${workers} worker(s) no request of a flood reaches a better tier after the one that crosses`, async () => {
    const gateway: Gateway = await startGateway({ port: 16700, noScorer: true, config: { workers } });
    try {
      const ip = `198.51.100.${workers}`;
      const result = await load({
        port: gateway.port,
        rate: 1500,
        seconds: 2,
        connections: 64,
        request: () => ({ path: '/', headers: { 'X-Forwarded-For': ip } }),
      });
      assert.deepEqual(result.failed, {});
      const { better, ranOut } = overshoot(await gateway.log(), ip);
      assert.ok(
        better - ranOut <= 0,
        `${better} beyond the line, ${ranOut} of them after a wait that ran out`,
      );
      assert.ok((result.tiers['slow'] ?? 0) > 2000, JSON.stringify(result.tiers));
    } finally {
      await gateway.stop();
    }
  });
}
