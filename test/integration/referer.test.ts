import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { noPages } from '../../scorer/form.ts';
import { observeNext, type Request } from '../../scorer/observations.ts';
import { refererOf, type Referer } from '../../scorer/referer.ts';
import { startGateway } from '../harness/gateway.ts';
import { FakeScorer } from '../harness/scorer.ts';

const vectors = JSON.parse(readFileSync(new URL('../vectors/referers.json', import.meta.url), 'utf8')) as {
  referer: string;
  target: string;
  says: Referer;
}[];
const AGENT = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
const site = (target: string): string => `https://site.example${target}`;
/** Of pages without a referer, posts without one, posts out of nothing, forged requests. */
const NAMES = ['pages_no_referer', 'blind_posts', 'unasked_posts', 'forged'] as const;

interface Client {
  what: string;
  requests: Partial<Request>[];
  /** In the order of NAMES, of all its requests together. */
  counts: number[];
}
const clients: Client[] = [
  ...vectors.map(({ referer, target, says }) => {
    const forged = says === 'impossible' || (says === 'itself' && target !== '/');
    return {
      what: `${referer} → ${target}`,
      requests: [{ target, referer }],
      counts: [Number(says === 'none' || says === 'impossible'), 0, 0, Number(forged)],
    };
  }),
  {
    what: 'a link of a page to itself, followed by who has asked for a page',
    requests: [
      { target: '/', referer: site('/') },
      { target: '/a', referer: site('/a') },
    ],
    counts: [0, 0, 0, 0],
  },
  {
    what: 'a form that is sent back to its own page, from a tab that was left open',
    requests: [{ method: 'POST', target: '/form', referer: site('/form') }],
    counts: [0, 0, 0, 0],
  },
  {
    what: 'a form with a referer that cannot be',
    requests: [{ method: 'POST', target: '/form', referer: 'http://site.example:80/form' }],
    counts: [1, 1, 1, 1],
  },
  {
    what: 'a program that follows a redirect to the same path',
    requests: [{ target: '/a', referer: site('/a'), userAgent: 'Go-http-client/1.1' }],
    counts: [0, 0, 0, 0],
  },
  {
    what: 'what is no page',
    requests: ['/style.css', '/robots.txt'].map((target) => ({ target, referer: site(target) })),
    counts: [0, 0, 0, 0],
  },
  {
    what: 'HEAD',
    requests: [{ method: 'HEAD', target: '/a', referer: site('/a') }],
    counts: [0, 0, 0, 1],
  },
];

test('TypeScript reads referers as test/vectors/referers.json says', () => {
  for (const { referer, target, says } of vectors)
    assert.equal(refererOf(referer, target), says, `${referer} → ${target}`);
});

test('a host longer than any is impossible', () => {
  assert.equal(refererOf(`http://${'a'.repeat(255)}/b`, '/a'), 'page');
  assert.equal(refererOf(`http://${'a'.repeat(256)}/b`, '/a'), 'impossible');
});

test('TypeScript observes by them who was led to a page, and who is no browser', () => {
  for (const { what, requests, counts } of clients) {
    const [found, pages] = [NAMES.map(() => 0), noPages()];
    for (const request of requests) {
      const whole = { method: 'GET', target: '/', userAgent: AGENT, ...request };
      const added = observeNext(whole, pages, 1000);
      NAMES.forEach((name, k) => (found[k] = (found[k] as number) + (added.counts[name] ?? 0)));
    }
    assert.deepEqual(found, counts, what);
  }
});

test('the gateway observes it likewise', async () => {
  const scorer = new FakeScorer();
  await scorer.listen(16042);
  const gateway = await startGateway({ port: 16040, noScorer: true });
  try {
    for (const [k, { requests }] of clients.entries())
      for (const { method = 'GET', target = '/', referer = '', userAgent = AGENT } of requests) {
        const headers = { 'User-Agent': userAgent, Referer: referer };
        await (await gateway.get(target, `203.0.113.${k + 1}`, headers, method)).arrayBuffer();
      }
    await gateway.drained();
    for (const [k, { what, counts }] of clients.entries()) {
      const found = NAMES.map((name) => scorer.counted.get(`203.0.113.${k + 1}`)?.[name] ?? 0);
      assert.deepEqual(found, counts, what);
    }
  } finally {
    await gateway.stop();
    await scorer.close();
  }
});
