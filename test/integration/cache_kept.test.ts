/** What of the backends' answers is kept where nginx says nothing of it, or sees only a part of what the answer says. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CachedSite } from '../harness/cached.ts';

const PORT = 16860;
const config = {
  mode: 'off',
  tiers: [{ name: 'site', backends: [`127.0.0.1:${PORT + 15}`] }],
  default_tier: 'site',
  cache: { enabled: true },
  paths: [{ path: '/timed/', cache: { ttl_s: 60 } }],
};
const FRESH = { 'Cache-Control': 'max-age=60' };

const site = new CachedSite(PORT, config, { noScorer: true });
const { origin } = site;

async function get(path: string, headers: Record<string, string> = {}): Promise<string | null> {
  const answer = await site.gateway.get(path, '192.0.2.1', headers);
  await answer.arrayBuffer();
  return answer.headers.get('x-cache');
}

for (const [about, answer] of [
  ['says nothing, where there is no time to live', {}],
  ['is out of date already', { headers: { Expires: 'Thu, 01 Jan 1970 00:00:00 GMT' } }],
  ['may be kept by nobody but the browser', { headers: { 'Cache-Control': 's-maxage=0, max-age=60' } }],
  ['is a redirect that says nothing', { status: 302 }],
  ['varies with everything', { headers: { ...FRESH, Vary: '*' } }],
] as const) {
  test(`nobody waits for an answer that ${about}, when that is known`, async () => {
    const path = `/busy/${about.replaceAll(/\W/g, '-')}`;
    origin.on(path, { ms: 200, ...answer });
    assert.equal(await get(path), 'MISS');
    await sleep(250); // the other workers know it too
    const started = Date.now();
    const all = await Promise.all(Array.from({ length: 10 }, () => get(path)));
    assert.ok(Date.now() - started < 2000, `${Date.now() - started} ms`);
    assert.deepEqual([...new Set(all)], ['BYPASS']);
  });
}

test('an error, which may be over a moment later, does not do that; what has a time to live neither', async () => {
  origin.on('/error', { status: 500 });
  assert.deepEqual([await get('/error'), await get('/error')], ['MISS', 'MISS']);
  origin.on('/timed/a', {});
  assert.deepEqual([await get('/timed/a'), await get('/timed/a')], ['MISS', 'HIT']);
  origin.on('/dated', { headers: { Expires: new Date(Date.now() + 60_000).toUTCString() } });
  assert.deepEqual([await get('/dated'), await get('/dated')], ['MISS', 'HIT']);
});

test('what says in one of several lines what it varies with is given to nobody else', async () => {
  origin.on('/vary/lines', ({ headers }) => ({
    headers: { ...FRESH, Vary: ['X-Lang', 'Accept-Encoding'] },
    body: String(headers['x-lang']),
  }));
  for (const lang of ['de', 'pt']) {
    const answer = await site.gateway.get('/vary/lines', '192.0.2.1', { 'X-Lang': lang });
    assert.equal(await answer.text(), lang);
  }
});

for (const vary of ['Accept, *', '*,Accept']) {
  test(`what varies with everything is not kept, in a list of names either: ${vary}`, async () => {
    const path = `/vary/${vary.length}`;
    origin.on(path, { headers: { ...FRESH, Vary: vary } });
    for (const cache of [await get(path), await get(path)]) assert.notEqual(cache, 'HIT');
  });
}

test('what says in its second line that it must not be given too old is not kept', async () => {
  origin.on('/must', { headers: { 'Cache-Control': ['max-age=60', 'must-revalidate'] } });
  for (const cache of [await get('/must'), await get('/must')]) assert.notEqual(cache, 'HIT');
});

test('with a cookie, an answer that does not say for how long is not kept because it says something else', async () => {
  for (const says of ['must-revalidate', 'public']) {
    const path = `/timed/${says}`;
    origin.on(path, { headers: { 'Cache-Control': says } });
    for (const cache of [await get(path, { Cookie: 'a=1' }), await get(path, { Cookie: 'a=1' })]) {
      assert.notEqual(cache, 'HIT', says);
    }
    assert.deepEqual([await get(path), await get(path)], ['MISS', 'HIT'], says);
  }
});

test('an answer of which the client wants only to know whether it is new is kept like any other', async () => {
  origin.on('/timed/known', { headers: { ETag: '"1"' } });
  assert.equal(await get('/timed/known', { 'If-None-Match': '"1"' }), 'MISS');
  assert.equal(await get('/timed/known'), 'HIT');
});

test('what is not kept is known for longer than 10 s', async () => {
  origin.on('/busy/later', { headers: { 'Cache-Control': 'private' } });
  await get('/busy/later');
  await sleep(10_500);
  assert.equal(await get('/busy/later'), 'BYPASS');
});

test('of what is not kept the backend is asked for what the client wants, and what comes of that is no entry', async () => {
  let says = 'private';
  origin.on('/partly', ({ headers }) => {
    const all = { 'Cache-Control': says, ETag: '"1"', 'Accept-Ranges': 'bytes' };
    if (headers['if-none-match'] === '"1"') return { status: 304, headers: all };
    if (headers.range && headers['if-range'] === '"1"')
      return { status: 206, headers: { ...all, 'Content-Range': 'bytes 1-2/4' }, body: 'bc' };
    return { headers: all, body: 'abcd' };
  });
  const conditions = [{ 'If-None-Match': '"1"' }, { Range: 'bytes=1-2', 'If-Range': '"1"' }, {}];
  const ask = async (): Promise<string[]> => {
    const seen = [];
    for (const headers of conditions) {
      const answer = await site.gateway.get('/partly', '192.0.2.1', { ...headers });
      seen.push(`${answer.headers.get('x-cache')} ${answer.status} ${await answer.text()}`);
    }
    return seen;
  };
  assert.equal(await get('/partly'), 'MISS');
  assert.deepEqual(await ask(), ['BYPASS 304 ', 'BYPASS 206 bc', 'BYPASS 200 abcd']);
  says = 'max-age=60';
  assert.deepEqual(await ask(), ['BYPASS 304 ', 'MISS 206 bc', 'HIT 200 abcd']);
  assert.deepEqual(await ask(), ['HIT 304 ', 'HIT 206 bc', 'HIT 200 abcd'], 'nginx answers of the whole');
});
