import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { bitmapOf, formatBitmap, isAsset, pathBit, pathOf, shapeOf } from '../../scorer/observations.ts';
import { startGateway } from '../harness/gateway.ts';
import { FakeScorer } from '../harness/scorer.ts';

interface Target {
  target: string;
  bit: number;
  asset: boolean;
  ending: string | null;
  dot: boolean;
  odd: boolean;
}
interface Agent {
  userAgent: string;
  class: string;
}
const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8'));
const vectors = read('targets.json') as Target[];
const agents = read('agents.json') as Agent[];

test('TypeScript observes targets as test/vectors/targets.json says', () => {
  for (const { target, bit, asset, ending, dot, odd } of vectors) {
    assert.equal(pathBit(target), bit, target);
    assert.equal(isAsset(pathOf(target)), asset, target);
    const shape = shapeOf({ method: 'GET', target });
    assert.deepEqual([shape.ending ?? null, shape.dot, shape.odd], [ending, dot, odd], target);
  }
});

test('TypeScript observes user agents as test/vectors/agents.json says', () => {
  for (const { userAgent, class: kind } of agents)
    assert.equal(shapeOf({ method: 'GET', target: '/', userAgent }).agent, kind, userAgent);
});

/** Whether fetch sends a target as it is, and nginx lets it through to Lua: a broken percent code it refuses itself. */
const isSentAsIs = (target: string): boolean => {
  if (/%(?![0-9a-f]{2})/i.test(target)) return false;
  const url = new URL(target, 'http://site.example');
  return url.host === 'site.example' && url.pathname + url.search === target;
};

/** Both have the same MurmurHash2, by which the gateway looks for what it knows of an agent. */
const TWINS = [
  ['sqlmap/1.8 aagc 0RxV', 'tool'],
  ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'browser'],
] as const;

test('an agent made to have the hash of a browser changes nothing for that browser', async () => {
  const scorer = new FakeScorer();
  await scorer.listen(16022);
  const gateway = await startGateway({ port: 16020, noScorer: true });
  try {
    for (const [round, pair] of [TWINS, [...TWINS].reverse()].entries())
      for (const [i, [userAgent]] of pair.entries())
        await (
          await gateway.get('/', `192.0.2.${10 * round + i}`, { 'User-Agent': userAgent })
        ).arrayBuffer();
    await gateway.drained();
    const tools = (i: number): unknown => scorer.reports.get(`192.0.2.${i}`)?.['tools'] ?? 0;
    assert.deepEqual([0, 1, 10, 11].map(tools), [1, 0, 0, 1]);
  } finally {
    await gateway.stop();
    await scorer.close();
  }
});

test('the gateway observes both likewise', async () => {
  const scorer = new FakeScorer();
  await scorer.listen(16022);
  const gateway = await startGateway({ port: 16020, noScorer: true });
  const targets = vectors.filter(({ target }) => isSentAsIs(target));
  assert.ok(targets.length > 20);
  try {
    for (const [i, { target }] of targets.entries())
      await (await gateway.get(target, `203.0.113.${i + 1}`, { Referer: '' })).arrayBuffer();
    for (const [i, { userAgent }] of agents.entries())
      await (await gateway.get('/', `198.51.100.${i + 1}`, { 'User-Agent': userAgent })).arrayBuffer();
    await gateway.drained();
    for (const [i, { target, bit, ending, dot, odd }] of targets.entries()) {
      const reported = scorer.reports.get(`203.0.113.${i + 1}`);
      const found = ['assets', 'scripts', 'dot_paths', 'odd_targets', 'pages_no_referer'].map(
        (name) => reported?.[name] ?? 0,
      );
      const is = (kind: string): boolean => ending === kind;
      const page = !is('asset') && !is('robots');
      const wanted = [is('asset'), is('script'), dot, odd, page].map(Number);
      assert.deepEqual(found, wanted, target);
      assert.equal(reported?.['paths'], formatBitmap(bitmapOf(bit)), target);
    }
    for (const [i, { userAgent, class: kind }] of agents.entries()) {
      const reported = scorer.reports.get(`198.51.100.${i + 1}`);
      const found = ['tools', 'no_user_agent', 'forged'].map((name) => reported?.[name] ?? 0);
      assert.deepEqual(found, [kind === 'tool', kind === 'empty', kind === 'forged'].map(Number), userAgent);
    }
  } finally {
    await gateway.stop();
    await scorer.close();
  }
});
