import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { flood, floodScorer } from '../harness/flood.ts';
import type { FakeScorer } from '../harness/scorer.ts';

// A scorer with a line at a known request makes overshoot exact; the real one is in path.test.ts.
const PORT = 16700;
let scorer: FakeScorer;
before(async () => void (scorer = await floodScorer(PORT)));
after(() => scorer.close());

for (const workers of [1, 2, 4]) {
  test(`with ${workers} worker(s) no request of a flood reaches a better tier after the one that crosses`, async () => {
    const { beyond, ranOut, result } = await flood(PORT, workers);
    assert.deepEqual(result.failed, {});
    assert.equal(beyond, 0, `${beyond} beyond the line, besides ${ranOut} after a wait that ran out`);
    assert.ok((result.tiers['slow'] ?? 0) > 2000, JSON.stringify(result.tiers));
  });
}
