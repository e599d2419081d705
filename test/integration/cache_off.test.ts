/** The cache with mode: off, where a request meets Lua only in its header filter; two workers. */
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../harness/raw.ts';
import { startGateway, type Gateway } from '../harness/gateway.ts';
import { Origin } from '../harness/origin.ts';

const PORT = 16880;
const origin = new Origin(PORT + 15);
const base = {
  mode: 'off',
  workers: 2,
  tiers: [{ name: 'site', backends: [`127.0.0.1:${origin.port}`] }],
  default_tier: 'site',
  headers: { tier: true },
  cache: { enabled: true, ttl_s: 1 },
};

let gateway: Gateway;
before(async () => {
  await origin.start();
  gateway = await startGateway({ port: PORT, config: base, noScorer: true });
});
after(async () => {
  await gateway.stop();
  await origin.stop();
});

/** On a connection of its own, so that either worker may have it. */
async function get(path: string): Promise<{ cache: string | null; body: string; headers: Headers }> {
  const answer = await gateway.get(path, '192.0.2.1', { Connection: 'close' });
  return { cache: answer.headers.get('x-cache'), body: await answer.text(), headers: answer.headers };
}

test('nobody waits in any worker for an answer that is known not to be kept, and all wait again when it is', async () => {
  origin.on('/busy', { ms: 300, headers: { 'Cache-Control': 'private' } });
  await get('/busy');
  await sleep(250);
  for (let i = 0; i < 2; i++) {
    const started = Date.now();
    const all = await Promise.all(Array.from({ length: 20 }, () => get('/busy')));
    assert.ok(Date.now() - started < 1500, `${Date.now() - started} ms`);
    assert.deepEqual([...new Set(all.map(({ cache }) => cache))], ['BYPASS']);
  }
  origin.on('/other', { ms: 300 });
  const others = await Promise.all(Array.from({ length: 20 }, () => get('/other')));
  assert.equal(origin.count('/other'), 1, 'other targets are kept meanwhile');
  assert.equal(others.filter(({ cache }) => cache === 'HIT').length, 19);
  origin.on('/busy', { headers: { 'Cache-Control': 'max-age=60' } });
  assert.equal((await get('/busy')).cache, 'BYPASS');
  await get('/busy');
  assert.equal((await get('/busy')).cache, 'HIT');
});

test('what one worker has fetched anew all workers give, though they have the old file open', async () => {
  const many = (): Promise<string[]> =>
    Promise.all(Array.from({ length: 40 }, () => get('/anew').then(({ cache, body }) => `${cache} ${body}`)));
  for (const [body, first] of [
    ['old', 'MISS'],
    ['new', 'EXPIRED'],
  ] as const) {
    origin.on('/anew', { body, headers: { 'Cache-Control': 'max-age=2' } });
    assert.equal((await get('/anew')).cache, first);
    for (let i = 0; i < 3; i++) assert.deepEqual([...new Set(await many())], [`HIT ${body}`]);
    await sleep(3100);
  }
});

test('an answer from the cache has its age and its tier, and the log has both', async () => {
  origin.on('/age', { headers: { 'Cache-Control': 'max-age=60' } });
  assert.equal((await get('/age')).headers.get('age'), null);
  await sleep(1100);
  const { cache, headers } = await get('/age');
  assert.deepEqual([cache, headers.get('x-tier')], ['HIT', 'site']);
  assert.match(headers.get('age') ?? '', /^[123]$/);
  const lines = (await gateway.log()).filter(({ uri }) => uri === '/age');
  assert.deepEqual(
    lines.map(({ cache, tier, origin, score }) => [cache, tier, origin, score]),
    [
      ['MISS', 'site', 'off', null],
      ['HIT', 'site', 'off', null],
    ],
  );
});

test('what a request has changed is asked for anew in every worker, also after a reload', async () => {
  origin.on('/page', { headers: { 'Cache-Control': 'max-age=60' } });
  await get('/page');
  await (await fetch(`http://127.0.0.1:${PORT}/page`, { method: 'PUT', body: 'x' })).arrayBuffer();
  gateway.reload();
  await sleep(1000);
  assert.equal((await get('/page')).body, '/page 3');
  for (let i = 0; i < 20; i++) assert.equal((await get('/page')).body, '/page 3');
});

for (const logs of [{}, { headers: true }]) {
  test(`one that may not be given is 504, and what follows on its connection is whole${'headers' in logs ? '; its line has headers' : ''}`, async () => {
    gateway.configure({
      ...base,
      logs: {
        access: `${gateway.run}/access.log`,
        error: `${gateway.run}/error.log`,
        stdout: false,
        ...logs,
      },
    });
    gateway.reload();
    await sleep(1000);
    const path = `/must/${Object.keys(logs).length}`;
    origin.on(path, { headers: { 'Cache-Control': 'max-age=1, must-revalidate' } });
    origin.on('/fine', { body: 'fine' });
    await get(path);
    await sleep(2100);
    origin.on(path, { status: 503, body: 'down' });
    const text = await ask(PORT, [path, path, '/fine']);
    const [first = '', second = '', third = ''] = text.split(/(?=HTTP\/1\.1 )/);
    for (const one of [first, second]) {
      assert.match(one, /^HTTP\/1\.1 504 /);
      assert.match(one, /\r\nContent-Length: 0\r\n/);
      assert.match(one, /\r\nX-Cache: STALE\r\n/);
      assert.match(one, /\r\n\r\n$/);
      assert.doesNotMatch(one, /\r\nAge:/);
    }
    assert.match(third, /^HTTP\/1\.1 200 [^]*\r\n\r\nfine$/);
    const lines = (await gateway.log()).filter(({ uri, status }) => uri === path && status === 504);
    assert.deepEqual(
      lines.map(({ method }) => method),
      ['GET', 'GET'],
    );
  });
}

test('nothing went wrong unseen', () => {
  assert.doesNotMatch(gateway.errors() + gateway.nginx.output, /\[(?:error|crit|alert|emerg)\].*lua/);
});
