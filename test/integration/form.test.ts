import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FORMS, noPages, type Form } from '../../scorer/form.ts';
import { observeNext } from '../../scorer/observations.ts';
import { startGateway } from '../harness/gateway.ts';
import { FakeScorer } from '../harness/scorer.ts';

/** What one client does, step by step, and which posts are something special. */
interface Step {
  method: string;
  target: string;
  /** Seconds since the step before; 0.1 unless given. */
  after_s?: number;
  agent?: string;
  referer?: string;
  form?: Form;
}
const AGENT = 'Mozilla/5.0 (X11)';
const vectors = JSON.parse(
  readFileSync(new URL('../vectors/forms.json', import.meta.url), 'utf8'),
) as Step[][];

test('TypeScript finds hasty and unasked posts as test/vectors/forms.json says', () => {
  for (const steps of vectors) {
    const pages = noPages();
    let time = 1_700_000_000.5;
    for (const [
      i,
      { method, target, after_s = 0.1, agent: userAgent = AGENT, referer, form },
    ] of steps.entries()) {
      time += after_s;
      const { counts } = observeNext({ method, target, referer, userAgent }, pages, time);
      for (const one of FORMS)
        assert.equal(
          counts[`${one}_posts`],
          form === one ? 1 : undefined,
          `step ${i + 1}: ${method} ${target}`,
        );
    }
  }
});

test('in a log of whole seconds two that follow each other are hasty, three are not', () => {
  for (const [seconds, hasty] of [
    [0, 1],
    [1, 1],
    [2, undefined],
  ] as const) {
    const pages = noPages();
    observeNext({ method: 'GET', target: '/login' }, pages, 1000);
    const { counts } = observeNext({ method: 'POST', target: '/login' }, pages, 1000 + seconds);
    assert.equal(counts['hasty_posts'], hasty, `${seconds} s`);
  }
});

test('the gateway finds them likewise', async () => {
  const scorer = new FakeScorer();
  await scorer.listen(16502);
  const gateway = await startGateway({ port: 16500, noScorer: true });
  try {
    await Promise.all(
      vectors.map(async (steps, k) => {
        const ip = `203.0.113.${k + 1}`;
        const posts = { hasty: 0, unasked: 0 };
        for (const { method, target, after_s = 0.1, agent = AGENT, referer = '', form } of steps) {
          await sleep(1000 * after_s);
          await (
            await gateway.get(target, ip, { 'User-Agent': agent, Referer: referer }, method)
          ).arrayBuffer();
          if (form) posts[form] += 1;
        }
        await gateway.drained();
        for (const one of FORMS)
          assert.equal(scorer.counted.get(ip)?.[`${one}_posts`] ?? 0, posts[one], `client ${k + 1}: ${one}`);
      }),
    );
  } finally {
    await gateway.stop();
    await scorer.close();
  }
});
