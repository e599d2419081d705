import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { bitmapOf, formatBitmap, isAsset, pathBit, pathOf } from '../../scorer/observations.ts';
import { startGateway } from '../harness/gateway.ts';
import { FakeScorer } from '../harness/scorer.ts';

const file = new URL('../vectors/targets.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as { target: string; asset: boolean; bit: number }[];

test('TypeScript observes targets as test/vectors/targets.json says', () => {
  for (const { target, asset, bit } of vectors) {
    assert.equal(pathBit(target), bit, target);
    assert.equal(isAsset(pathOf(target)), asset, target);
  }
});

test('the gateway observes them likewise', async () => {
  const scorer = new FakeScorer();
  await scorer.listen(16502);
  const gateway = await startGateway({ port: 16500, noScorer: true });
  try {
    for (const [i, { target }] of vectors.entries())
      await (await gateway.get(target, `203.0.113.${i + 1}`)).arrayBuffer();
    await gateway.drained();
    for (const [i, { target, asset, bit }] of vectors.entries()) {
      const reported = scorer.reports.get(`203.0.113.${i + 1}`);
      assert.equal(reported?.['assets'] ?? 0, asset ? 1 : 0, target);
      assert.equal(reported?.['paths'], formatBitmap(bitmapOf(bit)), target);
    }
  } finally {
    await gateway.stop();
    await scorer.close();
  }
});
