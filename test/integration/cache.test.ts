/** What is kept of the backends' answers, and for whom. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CachedSite } from '../harness/cached.ts';

const PORT = 16920;
const backends = [`127.0.0.1:${PORT + 15}`];
const tiers = ['fast', 'standard', 'slow'].map((name) => ({ name, backends }));
const scorer = { listen: `127.0.0.1:${PORT + 2}`, wait_ms: 1000, timeout_ms: 3000 };
const paths = [
  { path: '/never/', cache: { enabled: false } },
  { path: '/short/', cache: { ttl_s: 1 } },
  { path: '/static/', cache: { cookies: true } },
];
const access = { pin: { slow: ['203.0.113.0/24'] } };
const base = { tiers, scorer, paths, access, cache: { enabled: true, ttl_s: 60 } };
const site = new CachedSite(PORT, base);
const { origin } = site;
const get = site.get.bind(site);

/** X-Cache of the same request twice. */
async function twice(path: string, headers: Record<string, string> = {}): Promise<(string | null)[]> {
  return [(await get(path, headers)).cache, (await get(path, headers)).cache];
}

test('an answer that says nothing is kept for the time that the configuration gives', async () => {
  origin.on('/plain', {});
  const first = await get('/plain');
  const second = await get('/plain');
  assert.deepEqual([first.cache, second.cache, second.body], ['MISS', 'HIT', first.body]);
  assert.equal(origin.count('/plain'), 1);
  assert.equal((await get('/plain?other')).cache, 'MISS', 'another query is another answer');
  origin.on('/short/a', {});
  assert.deepEqual(await twice('/short/a'), ['MISS', 'HIT']);
  await sleep(2100);
  assert.deepEqual(await twice('/short/a'), ['EXPIRED', 'HIT']);
});

test('a path may have no cache', async () => {
  origin.on('/never/a', { headers: { 'Cache-Control': 'max-age=60' } });
  assert.deepEqual(await twice('/never/a'), [null, null]);
  assert.equal(origin.count('/never/a'), 2);
});

for (const [about, headers] of [
  ['no-store', { 'Cache-Control': 'no-store' }],
  ['no-cache', { 'Cache-Control': 'public, no-cache' }],
  ['private', { 'Cache-Control': 'max-age=60, private' }],
  ['max-age=0', { 'Cache-Control': 'max-age=0' }],
  ['a date in the past', { Expires: 'Thu, 01 Jan 1970 00:00:00 GMT' }],
  ['Set-Cookie', { 'Set-Cookie': 'a=b', 'Cache-Control': 'max-age=60' }],
  ['Vary: *', { Vary: '*', 'Cache-Control': 'max-age=60' }],
] as const) {
  test(`not kept, whatever the time to live: an answer with ${about}`, async () => {
    const path = `/no/${encodeURIComponent(about).replaceAll('%', '')}`;
    origin.on(path, { headers });
    for (const cache of await twice(path)) assert.notEqual(cache, 'HIT');
    assert.equal(origin.count(path), 2);
  });
}

test('an answer to a POST is not kept, and an error neither', async () => {
  origin.on('/post', {});
  for (let i = 0; i < 2; i++) {
    const answer = await fetch(`http://127.0.0.1:${PORT}/post`, { method: 'POST', body: 'x' });
    assert.equal(answer.headers.get('x-cache'), null);
    await answer.arrayBuffer();
  }
  assert.equal(origin.count('/post'), 2);
  origin.on('/error', { status: 500 });
  assert.deepEqual(await twice('/error'), ['MISS', 'MISS']);
});

test('what a request has changed is asked for anew, by everybody, and once', async () => {
  const says = { 'Cache-Control': 'max-age=60', Vary: 'X-Lang' };
  let version = 1;
  origin.on('/page', ({ method }) => {
    if (method === 'POST') version += 1;
    return { status: method === 'DELETE' ? 403 : 200, headers: says, body: `version ${version}`, ms: 300 };
  });
  const ip = '192.0.2.41';
  const readers: [Record<string, string>, string][] = [
    [{}, ip],
    [{ 'X-Lang': 'de' }, ip],
    [{ Cookie: 'a=1' }, ip],
    [{}, '203.0.113.5'],
  ];
  const read = async (): Promise<string[]> => {
    const all = await Promise.all(readers.map(([headers, ip]) => get('/page', headers, ip)));
    return [...new Set(all.map(({ cache, body }) => `${cache} ${body}`))];
  };
  await read();
  assert.deepEqual(await read(), ['HIT version 1']);
  const send = async (method: string): Promise<void> => {
    await (await site.gateway.get('/page', ip, {}, method)).arrayBuffer();
  };
  for (const method of ['OPTIONS', 'DELETE']) await send(method);
  assert.deepEqual(await read(), ['HIT version 1'], 'a safe method and a refusal change nothing');
  await send('POST');
  assert.deepEqual(await read(), ['MISS version 2']);
  assert.deepEqual(await read(), ['HIT version 2']);
  await send('POST');
  const before = origin.count('/page');
  const all = await Promise.all(Array.from({ length: 10 }, () => get('/page', {}, ip)));
  assert.deepEqual([origin.count('/page') - before, all[0]?.body], [1, 'version 3']);
});

test('what the backend says of freshness is stronger than the time to live', async () => {
  origin.on('/short/long', { headers: { 'Cache-Control': 'max-age=60' } });
  origin.on('/brief', { headers: { 'Cache-Control': 'max-age=60, s-maxage=1' } });
  assert.deepEqual(await twice('/short/long'), ['MISS', 'HIT']);
  assert.deepEqual(await twice('/brief'), ['MISS', 'HIT']);
  await sleep(2100);
  assert.deepEqual([(await get('/short/long')).cache, (await get('/brief')).cache], ['HIT', 'EXPIRED']);
});

test('Vary is honoured', async () => {
  origin.on('/vary', (request) => ({ headers: { Vary: 'X-Lang' }, body: String(request.headers['x-lang']) }));
  assert.deepEqual(await twice('/vary', { 'X-Lang': 'de' }), ['MISS', 'HIT']);
  const other = await get('/vary', { 'X-Lang': 'pt' });
  assert.deepEqual([other.cache, other.body], ['MISS', 'pt']);
  assert.equal((await get('/vary', { 'X-Lang': 'de' })).body, 'de');
});

test('an answer to a request with Authorization is kept only if it says that it may be', async () => {
  const who = { Authorization: 'Basic YTpi' };
  origin.on('/auth/silent', {});
  origin.on('/auth/fresh', { headers: { 'Cache-Control': 'max-age=60' } });
  for (const path of ['/auth/silent', '/auth/fresh']) {
    for (const cache of await twice(path, who)) assert.notEqual(cache, 'HIT', path);
    assert.deepEqual(await twice(path), ['MISS', 'HIT'], 'without it, it is');
    assert.notEqual((await get(path, who)).cache, 'HIT', 'and is not given to whom it may not be for');
  }
  for (const says of ['public, max-age=60', 's-maxage=60', 'max-age=60, must-revalidate']) {
    const path = `/auth/${says.length}`;
    origin.on(path, { headers: { 'Cache-Control': says } });
    assert.deepEqual(await twice(path, who), ['MISS', 'HIT'], says);
  }
});

test('with a cookie only what says how long it is fresh is kept, unless the path says that cookies mean nothing', async () => {
  const cookie = { Cookie: 'session=1' };
  origin.on('/cookie/silent', {});
  for (const cache of await twice('/cookie/silent', cookie)) assert.notEqual(cache, 'HIT');
  await get('/cookie/silent');
  assert.notEqual((await get('/cookie/silent', cookie)).cache, 'HIT');
  origin.on('/cookie/fresh', { headers: { 'Cache-Control': 'max-age=60' } });
  assert.deepEqual(await twice('/cookie/fresh', cookie), ['MISS', 'HIT']);
  origin.on('/static/a.css', {});
  assert.deepEqual(await twice('/static/a.css', cookie), ['MISS', 'HIT']);
  assert.equal((await get('/static/a.css')).cache, 'HIT');
});

test('each tier has entries of its own', async () => {
  origin.on('/tier', {});
  assert.deepEqual([(await get('/tier')).cache, (await get('/tier')).cache], ['MISS', 'HIT']);
  assert.equal((await get('/tier', {}, '203.0.113.5')).cache, 'MISS');
  assert.equal((await get('/tier', {}, '203.0.113.5')).cache, 'HIT');
});

test('what a backend may make links of is part of the key', async () => {
  origin.on('/links', (request) => ({ body: String(request.headers['x-forwarded-host']) }));
  await get('/links', { 'X-Forwarded-Host': 'evil.example' });
  assert.deepEqual([(await get('/links')).cache, (await get('/links')).body], ['MISS', 'undefined']);
});

test('one request fills an entry while others wait', async () => {
  origin.on('/slow', { ms: 800 });
  const all = await Promise.all(Array.from({ length: 20 }, () => get('/slow')));
  assert.equal(origin.count('/slow'), 1);
  assert.equal(all.filter(({ cache }) => cache === 'HIT').length, 19);
});

test('nobody waits for an answer that is known not to be kept', async () => {
  origin.on('/busy', { ms: 300, headers: { 'Cache-Control': 'private' } });
  await get('/busy');
  await sleep(50);
  const started = Date.now();
  const all = await Promise.all(Array.from({ length: 20 }, () => get('/busy')));
  assert.ok(Date.now() - started < 2000, `${Date.now() - started} ms`);
  assert.deepEqual([...new Set(all.map(({ cache }) => cache))], ['BYPASS']);
});

test('every answer from the cache is a hit for the score, and its line says where it came from', async () => {
  await site.gateway.drained();
  const ip = '192.0.2.99';
  origin.on('/hits', {});
  for (let i = 0; i < 30; i++) await get('/hits', {}, ip);
  assert.equal(origin.count('/hits'), 1);
  await site.gateway.drained();
  assert.equal((await site.gateway.verdict(ip))['requests_60s'], 30);
  const lines = (await site.gateway.log()).filter(({ uri }) => uri === '/hits');
  assert.deepEqual([lines.length, lines[0]?.cache, lines[29]?.cache], [30, 'MISS', 'HIT']);
});

test('off, there is no cache at all', async () => {
  site.gateway.configure({ ...base, cache: {}, paths: [] });
  site.gateway.reload();
  await sleep(1000);
  assert.deepEqual(await twice('/plain'), [null, null]);
  assert.ok(existsSync(join(site.gateway.run, 'cache')));
  assert.doesNotMatch(site.gateway.errors(), /\[(?:error|crit|alert|emerg)\].*lua/);
});
