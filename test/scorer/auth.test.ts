/** /auth: what each kind of proxy says of its user is believed, and what the user says is not. */
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { SECRET, fakeApp } from './fake_app.ts';

let app: FastifyInstance;
before(async () => {
  app = await fakeApp();
});
after(() => app.close());

type Headers = Record<string, string>;
/** As a proxy on this machine asks; `headers` are the proxy's and its user's. */
async function auth(url: string, headers: Headers, more: InjectOptions = {}) {
  const {
    statusCode,
    headers: answered,
    body,
  } = await app.inject({
    remoteAddress: '127.0.0.1',
    url,
    headers: { host: 'shop.example', ...headers },
    ...more,
  });
  const { error } = (body === '' ? {} : JSON.parse(body)) as { error?: { code: string; field?: string } };
  return { status: statusCode, headers: answered, error };
}

/** What a client has done. */
async function seen(ip: string): Promise<{ hits: number; counts: Record<string, number>; paths: number }> {
  const url = `/score_ip?ip=${ip}`;
  const answer = await app.inject({ remoteAddress: '127.0.0.1', url, headers: { host: 'localhost' } });
  const { requests_60s: hits, window } = answer.json<{
    requests_60s: number;
    window: { counts: Record<string, number>; distinct: Record<string, number> };
  }>();
  return { hits, counts: window.counts, paths: Math.round(window.distinct['paths'] ?? 0) };
}

const POSTED = {
  ...{ other_methods: 1, blind_posts: 1, scripts: 1, blind_scripts: 1 },
  ...{ pages_no_referer: 1, no_user_agent: 1 },
};
const forwarded = (ip: string, method = 'POST', uri = '/wp-login.php?x=1'): Headers => ({
  'x-forwarded-for': ip,
  'x-forwarded-method': method,
  'x-forwarded-uri': uri,
});
const original = (ip: string, method = 'POST', uri = '/wp-login.php?x=1'): Headers => ({
  'x-real-ip': ip,
  'x-original-method': method,
  'x-original-uri': uri,
});

test('it takes client, method and path from the proxy, counts a hit, and answers with tier and score', async () => {
  const user = { origin: 'https://shop.example', 'user-agent': '' };
  const answer = await auth('/auth', { ...forwarded('6.6.6.6, 192.0.2.40, 10.1.1.1'), ...user });
  assert.equal(answer.status, 200);
  assert.deepEqual([answer.headers['x-tier'], typeof answer.headers['x-score']], ['fast', 'string']);
  assert.deepEqual(await seen('192.0.2.40'), { hits: 1, counts: POSTED, paths: 1 });
});

test('of nginx, X-Real-IP and X-Original-* are believed, whatever X-Forwarded-* its user sends', async () => {
  const lies = { ...forwarded('192.0.2.99', 'GET', '/style.css'), 'x-original-url': '/style.css' };
  const agent = { 'user-agent': '' };
  assert.equal(
    (await auth('/auth?headers=original', { ...original('192.0.2.41'), ...lies, ...agent })).status,
    200,
  );
  assert.deepEqual(await seen('192.0.2.41'), { hits: 1, counts: POSTED, paths: 1 });
  assert.equal((await seen('192.0.2.99')).hits, 0);
});

test('of ingress-nginx, X-Original-URL is believed, whatever X-Original-URI its user sends', async () => {
  const headers = {
    ...original('192.0.2.42', 'POST', '/style.css'),
    'x-original-url': 'https://shop.example/wp-login.php?x=1',
    'user-agent': '',
  };
  assert.equal((await auth('/auth?headers=original-url', headers)).status, 200);
  assert.deepEqual(await seen('192.0.2.42'), { hits: 1, counts: POSTED, paths: 1 });
});

test('of Traefik and Caddy, X-Forwarded-* are believed, whatever X-Original-* their user sends', async () => {
  const lies = original('192.0.2.99', 'GET', '/style.css');
  for (const [url, ip] of [
    ['/auth', '192.0.2.43'],
    ['/auth?headers=forwarded', '192.0.2.44'],
  ] as const) {
    assert.equal((await auth(url, { ...forwarded(ip), ...lies, 'user-agent': '' })).status, 200);
    assert.deepEqual(await seen(ip), { hits: 1, counts: POSTED, paths: 1 });
  }
  assert.equal((await seen('192.0.2.99')).hits, 0);
});

test("of Envoy, method and path are the request's own, whatever its user's headers and query say", async () => {
  const lies = {
    ...forwarded('192.0.2.45, 10.0.0.7', 'GET', '/style.css'),
    ...original('192.0.2.99', 'GET', '/a.css'),
  };
  for (const url of ['/auth/wp-login.php?headers=original', '/auth/?headers=nonsense&x=%zz']) {
    const more = { method: 'DELETE', payload: '' } as const;
    const answer = await auth(url, { ...lies, 'content-type': 'text/xml', 'user-agent': '' }, more);
    assert.equal(answer.status, 200, url);
  }
  const { hits, counts, paths } = await seen('192.0.2.45');
  assert.deepEqual([hits, counts['other_methods'], counts['assets'], paths], [2, 2, undefined, 2]);
  assert.equal((await seen('192.0.2.99')).hits, 0);
});

test('a header that the proxy does not set has no substitute: it is named and nothing is counted', async () => {
  const families: [string, Headers][] = [
    ['/auth', forwarded('192.0.2.46')],
    ['/auth?headers=original', original('192.0.2.46')],
  ];
  for (const [url, all] of families) {
    for (const missing of Object.keys(all)) {
      const headers = { ...all, host: '127.0.0.1' };
      Reflect.deleteProperty(headers, missing);
      const { status, error } = await auth(url, headers);
      assert.deepEqual([status, error?.field?.toLowerCase()], [400, missing]);
      assert.equal(error?.code, /for$|ip$/.test(missing) ? 'NO_CLIENT' : 'NO_REQUEST');
    }
  }
  assert.equal((await seen('192.0.2.46')).hits, 0);
});

test('a query that is misspelt is refused, and none is guessed', async () => {
  for (const [query, field] of [
    ['headers=nginx', 'headers'],
    ['headers=', 'headers'],
    ['headers=toString', 'headers'],
    ['headers=original&headers=forwarded', 'headers'],
    ['header=original', 'header'],
  ] as const) {
    const { status, error } = await auth(`/auth?${query}`, {
      ...forwarded('192.0.2.47'),
      ...original('192.0.2.47'),
    });
    assert.deepEqual([status, error?.code, error?.field], [400, 'INVALID_QUERY', field], query);
  }
  assert.equal((await seen('192.0.2.47')).hits, 0);
});

test('it is for proxies that are trusted, and that name a client', async () => {
  const secret = { host: 'scorer', authorization: `Bearer ${SECRET}` };
  const asked = { ...forwarded('1.2.3.4'), ...secret };
  const far = await auth('/auth', asked, { remoteAddress: '203.0.113.5' });
  assert.deepEqual([far.status, far.error?.code], [403, 'UNTRUSTED_PROXY']);
  assert.equal((await auth('/auth', asked, { remoteAddress: '10.0.0.5' })).status, 200);
  const nobody = await auth('/auth', { host: '127.0.0.1' });
  assert.deepEqual([nobody.status, nobody.error?.code], [400, 'NO_CLIENT']);
});

test('a web page, which cannot name a client, is refused', async () => {
  const page = { host: '127.0.0.1', origin: 'https://example.org' };
  for (const url of ['/auth', '/auth?headers=original', '/auth/x']) {
    const { status, error } = await auth(url, page);
    assert.deepEqual([status, error?.code], [403, 'BROWSER_REFUSED'], url);
  }
});
