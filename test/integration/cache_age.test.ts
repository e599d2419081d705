/** How old an answer from the cache is, and what becomes of one that is too old. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CachedSite } from '../harness/cached.ts';
import { until } from '../harness/gateway.ts';

const PORT = 16820;
const backends = [`127.0.0.1:${PORT + 15}`];
const tiers = ['fast', 'standard', 'slow'].map((name) => ({ name, backends }));
const scorer = { listen: `127.0.0.1:${PORT + 2}`, wait_ms: 1000, timeout_ms: 3000 };
const paths = [{ path: '/never/', cache: { enabled: false } }];
const access = { pin: { slow: ['203.0.113.0/24'] } };
const base = { tiers, scorer, paths, access, cache: { enabled: true, ttl_s: 60 } };
const site = new CachedSite(PORT, base);
const { origin } = site;
const get = site.get.bind(site);

test('an answer from the cache says how old it is', async () => {
  origin.on('/age', { headers: { 'Cache-Control': 'max-age=60' } });
  assert.equal((await get('/age')).headers.get('age'), null);
  await sleep(1500);
  assert.match((await get('/age')).headers.get('age') ?? '', /^[123]$/);
  const long = { Date: new Date(Date.now() - 5_000_000).toUTCString(), 'Cache-Control': 'max-age=9999999' };
  origin.on('/age/long', { headers: long });
  await get('/age/long');
  assert.match((await get('/age/long')).headers.get('age') ?? '', /^500[0-9]$/);
});

test('the age that an answer had when it came is part of it, and said even where it is not from the cache', async () => {
  for (const [age, first, later] of [
    ['100', '100', /^10[123]$/],
    ['nonsense', 'nonsense', /^[123]$/],
  ] as const) {
    origin.on('/age/before', { headers: { Age: age, 'Cache-Control': 'max-age=60' } });
    const path = `/age/before?${age}`;
    assert.equal((await get(path)).headers.get('age'), first);
    await sleep(1100);
    const hit = await get(path);
    assert.equal(hit.cache, 'HIT');
    assert.match(hit.headers.get('age') ?? '', later);
  }
  origin.on('/age/never', { headers: { Age: '7', 'Cache-Control': 'no-store' } });
  assert.deepEqual(
    [(await get('/age/never')).headers.get('age'), (await get('/never/age')).status],
    ['7', 404],
  );
});

test('too old an answer is given while it is fetched anew only for as long as it allows', async () => {
  origin.on('/swr', { headers: { 'Cache-Control': 'max-age=1, stale-while-revalidate=30' } });
  const first = await get('/swr');
  await sleep(2100);
  origin.on('/swr', { ms: 500, body: 'new', headers: { 'Cache-Control': 'max-age=60' } });
  const started = Date.now();
  const stale = await get('/swr');
  assert.deepEqual([stale.cache, stale.body], ['STALE', first.body]);
  assert.ok(Date.now() - started < 400);
  await sleep(900);
  assert.deepEqual([(await get('/swr')).cache, (await get('/swr')).body], ['HIT', 'new']);
});

test('an answer that has not changed is fetched without its body', async () => {
  origin.on('/etag', ({ headers }) => ({
    status: headers['if-none-match'] === '"1"' ? 304 : 200,
    headers: { ETag: '"1"', 'Cache-Control': 'max-age=1' },
    body: 'same',
  }));
  assert.equal((await get('/etag')).cache, 'MISS');
  await sleep(2100);
  const again = await get('/etag');
  assert.deepEqual([again.cache, again.status, again.body], ['REVALIDATED', 200, 'same']);
});

test('its age is counted from when the backend last said that it has not changed', async () => {
  origin.on('/age/etag', ({ headers }) => ({
    status: headers['if-none-match'] === '"1"' ? 304 : 200,
    headers: { ETag: '"1"', 'Cache-Control': 'max-age=1', Age: '50' },
  }));
  const seen: string[] = [];
  const look = async (): Promise<void> => {
    const { cache, headers } = await get('/age/etag', {}, '192.0.2.42');
    seen.push(`${cache} ${headers.get('age')}`);
  };
  for (let i = 0; i < 3; i++) {
    await look();
    await look();
    await sleep(2100);
  }
  assert.deepEqual(
    seen.map((text) => text.replace(/1$/, '0')), // a second may end in between
    ['MISS 50', 'HIT 50', 'REVALIDATED null', 'HIT 0', 'REVALIDATED null', 'HIT 0'],
  );
});

test('while the backend fails, what is too old is given, except what says that it must not be', async () => {
  const says: [path: string, control: string | null, expected: string][] = [
    ['/stale/plain', 'max-age=1', '200 STALE kept'],
    ['/stale/must', 'max-age=1, must-revalidate', '504 STALE '],
    ['/stale/shared', 's-maxage=1', '504 STALE '],
    ['/stale/if-error', 'max-age=1, must-revalidate, stale-if-error=60', '200 STALE kept'],
  ];
  const fill = async (): Promise<void> => {
    for (const [path, control] of says) {
      origin.on(path, { body: 'kept', headers: control === null ? {} : { 'Cache-Control': control } });
      await get(path);
    }
    await sleep(2100);
  };
  const look = async (): Promise<string[]> =>
    Promise.all(
      says.map(async ([path]) => {
        const { status, cache, body } = await get(path);
        return `${status} ${cache} ${body}`;
      }),
    );
  const expected = says.map(([, , what]) => what);
  await fill();
  for (const [path] of says) origin.on(path, { status: 503, body: 'down' });
  assert.deepEqual(await look(), expected, 'it answers 503');
  await fill();
  await origin.stop();
  try {
    assert.deepEqual(await look(), expected, 'nobody listens');
  } finally {
    await origin.start();
  }
});

test("a background fetch counts as nobody's hit and goes to the tier that the entry is of", async () => {
  site.gateway.configure({ ...base, cache: { enabled: true, ttl_s: 1, stale: 'updating' } });
  site.gateway.reload();
  await sleep(1000);
  const ip = '203.0.113.77'; // pinned to slow: the default tier is another
  origin.on('/updating', {});
  await get('/updating', {}, ip);
  await sleep(2100);
  const stale = await get('/updating', {}, ip);
  assert.deepEqual([stale.cache, stale.body], ['STALE', '/updating 1']);
  await until(() => origin.count('/updating') === 2, 2000, 'it was not fetched anew');
  await sleep(100);
  const fresh = await get('/updating', {}, ip);
  assert.deepEqual([fresh.cache, fresh.body], ['HIT', '/updating 2']);
  await site.gateway.drained();
  assert.equal((await site.gateway.verdict(ip))['requests_60s'], 3);
});

test('with stale: updating, what must not be given when the backend fails is given while it does not', async () => {
  origin.on('/updating/must', { headers: { 'Cache-Control': 'max-age=1, must-revalidate' } });
  await get('/updating/must');
  await sleep(2100);
  const stale = await get('/updating/must');
  assert.deepEqual([stale.status, stale.cache, stale.body], [200, 'STALE', '/updating/must 1']);
  await until(() => origin.count('/updating/must') === 2, 2000, 'it was not fetched anew');
});

test('with stale: off nothing that is too old is given', async () => {
  site.gateway.configure({ ...base, cache: { enabled: true, ttl_s: 1, stale: 'off' } });
  site.gateway.reload();
  await sleep(1000);
  origin.on('/off', {});
  await get('/off');
  await sleep(2100);
  origin.on('/off', { status: 503 });
  assert.equal((await get('/off')).status, 503);
});

test('nothing went wrong unseen', () => {
  assert.doesNotMatch(site.gateway.errors(), /\[(?:error|crit|alert|emerg)\].*lua/);
});
