import assert from 'node:assert/strict';
import { request as ask, type RequestOptions } from 'node:http';
import { request as askSecurely } from 'node:https';
import { connect } from 'node:http2';
import test, { after, before } from 'node:test';
import { Certificates } from '../harness/certificates.ts';
import { startGateway, type Gateway } from '../harness/gateway.ts';

const PORT = 17000;
const OFF = PORT + 20;
const made = new Certificates();
const certificates = [made.make('one', ['DNS:one.example']), made.make('two', ['DNS:two.example'])];

const listen = (port: number, access?: object) => ({ port, address: '127.0.0.1', ...(access && { access }) });
const plainList = { deny: ['192.0.2.128/25', '2001:db8:bad::/48'], allow: ['192.0.2.200'] };
const tlsList = { default: 'deny', allow: ['192.0.2.0/24', '198.51.100.9'], deny: ['192.0.2.66'] };
const tls = (port: number, more: object = {}) => ({ port, certificates, redirect: false, ...more });
const config = {
  listen: listen(PORT, plainList),
  tls: tls(PORT + 5, { access: tlsList }),
  access: { deny: ['198.51.100.0/24'], pin: { slow: ['192.0.2.130'] } },
  paths: [{ path: '/admin/', access: { default: 'deny', allow: ['192.0.2.7', '192.0.2.150'] } }],
  // What is right is asked here, not how fast.
  scorer: { listen: `127.0.0.1:${PORT + 2}`, wait_ms: 1000, timeout_ms: 3000 },
};

let gateway: Gateway;
before(async () => {
  gateway = await startGateway({ port: PORT, config });
});
after(async () => {
  await gateway.stop();
  made.remove();
});

/** The status of a request that comes in by a port: that of the peer 127.0.0.1, which is trusted, for `ip`. */
function status(port: number, ip: string, path = '/', more: RequestOptions = {}): Promise<number> {
  const headers = { Host: 'one.example', 'X-Forwarded-For': ip };
  const options = { port, host: '127.0.0.1', path, headers, agent: false, ...more };
  const secure = { ...options, servername: 'one.example', rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    const asked = port % 20 === 5 ? askSecurely(secure) : ask(options);
    asked.on('response', (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
    });
    asked.on('error', reject).end();
  });
}
const plain = (ip: string, path?: string): Promise<number> => status(PORT, ip, path);
const secure = (ip: string, path?: string, more?: RequestOptions): Promise<number> =>
  status(PORT + 5, ip, path, more);

test('each listener has a list of its own, in which the longest prefix wins', async () => {
  const wanted: [ip: string, plain: number, secure: number][] = [
    ['192.0.2.1', 200, 200],
    ['192.0.2.129', 403, 200],
    ['192.0.2.200', 200, 200],
    ['192.0.2.66', 200, 403],
    ['203.0.113.1', 200, 403],
    ['2001:db8:bad:1::9', 403, 403],
    ['2001:db8:cafe::9', 200, 403],
  ];
  for (const [ip, one, other] of wanted)
    assert.deepEqual([await plain(ip), await secure(ip)], [one, other], ip);
});

test("a request must pass the site's list, its listener's and its path's", async () => {
  assert.equal(await secure('198.51.100.9'), 403, 'the site denies whom the listener would allow');
  assert.equal(await plain('192.0.2.130'), 403, 'the listener denies whom the site has pinned');
  assert.equal(await secure('192.0.2.130'), 200);
  assert.equal(await plain('192.0.2.150', '/admin/'), 403, 'the listener denies whom the path would allow');
  assert.equal(await secure('192.0.2.150', '/admin/'), 200);
  assert.equal(await secure('192.0.2.1', '/admin/'), 403, 'the path denies whom the listener would allow');
  assert.deepEqual([await plain('192.0.2.7', '/admin/'), await secure('192.0.2.7', '/admin/')], [200, 200]);
});

test('with TLS the list holds for every certificate, and over HTTP/2', async () => {
  for (const host of ['one.example', 'two.example']) {
    const session = connect(`https://127.0.0.1:${PORT + 5}`, { servername: host, rejectUnauthorized: false });
    const statuses = ['192.0.2.1', '192.0.2.66'].map(
      (ip) =>
        new Promise((resolve, reject) => {
          const stream = session.request({ ':path': '/', ':authority': host, 'x-forwarded-for': ip });
          stream.on('response', (headers) => resolve(headers[':status'])).on('error', reject);
          stream.resume();
        }),
    );
    assert.deepEqual(await Promise.all(statuses), [200, 403], host);
    session.close();
  }
});

test('the address is what a trusted proxy says, and of nobody else', async () => {
  assert.equal(await secure('203.0.113.9, 192.0.2.1'), 200, 'the last one that is no proxy');
  assert.equal(await secure('192.0.2.1', '/', { localAddress: '127.0.0.2' }), 403);
});

test('the listener is the port that a request came in by, whatever a proxy says of the scheme', async () => {
  const https = (ip: string) => ({ headers: { 'X-Forwarded-For': ip, 'X-Forwarded-Proto': 'https' } });
  assert.equal(await status(PORT, '', '/', https('192.0.2.129')), 403);
  assert.equal(await status(PORT, '', '/', https('203.0.113.1')), 200);
});

test('who is denied by a listener is logged and counted nowhere', async () => {
  const [known, unknown] = ['203.0.113.44', '203.0.113.33'];
  for (let i = 0; i < 3; i++) assert.equal(await plain(known), 200);
  await gateway.drained();
  for (let i = 0; i < 5; i++)
    for (const ip of [known, unknown]) assert.equal(await secure(ip, '/denied'), 403);
  await gateway.drained();
  const seen = await gateway.verdict(known);
  assert.equal(seen['requests_60s'], 3);
  assert.equal((seen['window'] as { counts: Record<string, number> }).counts['errors_4xx'] ?? 0, 0);
  assert.equal((await gateway.verdict(unknown))['requests_60s'], 0);
  const lines = (await gateway.log()).filter((line) => line.uri === '/denied');
  assert.equal(lines.length, 10);
  assert.deepEqual([...new Set(lines.map((l) => `${l.status} ${l.origin} ${l.tier}`))], ['403 denied ']);
});

test('who is denied on the plain port is not sent on to https', async () => {
  await gateway.reconfigure({ tls: tls(PORT + 5, { redirect: true }), logs: { ...logs(), headers: true } });
  assert.deepEqual([await plain('192.0.2.1', '/sent'), await plain('192.0.2.129', '/sent')], [308, 403]);
  assert.equal(await secure('192.0.2.129', '/sent'), 200);
  const lines = (await gateway.log()).filter((line) => line.uri === '/sent');
  assert.deepEqual(
    lines.map((line) => `${line.status} ${line.origin}`).filter((text) => !text.startsWith('200')),
    ['308 redirected', '403 denied'],
  );
});

test('10,000 networks more change with a reload', async () => {
  const many = Array.from({ length: 10_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`);
  const list = { default: 'deny', allow: many, deny: ['10.1.1.1'] };
  await gateway.reconfigure({ listen: listen(PORT, list), tls: tls(PORT + 5, { access: list }) });
  for (const of of [plain, secure])
    assert.deepEqual(
      await Promise.all(['10.0.0.1', '10.39.15.255', '10.1.1.1', '10.40.0.1'].map((ip) => of(ip))),
      [200, 200, 403, 403],
    );
});

test('nginx has nothing to say against it', () => {
  assert.doesNotMatch(gateway.nginx.output + gateway.errors(), /\[(?:warn|error|crit|alert|emerg)\]/);
});

test('mode off has the same lists', async () => {
  const { scorer: _, ...rest } = config;
  const other = { ...rest, mode: 'off', listen: listen(OFF, plainList), access: {}, tls: tls(OFF + 5, { access: tlsList }) }; // prettier-ignore
  const off = await startGateway({ port: OFF, noScorer: true, config: other });
  try {
    const statuses = ['192.0.2.1', '192.0.2.129', '192.0.2.66'].map(async (ip) => [
      await status(OFF, ip),
      await status(OFF + 5, ip),
    ]);
    assert.deepEqual(await Promise.all(statuses), [[200, 200], [403, 200], [200, 403]]); // prettier-ignore
    const lines = (await off.log()).map((line) => `${line.status} ${line.origin} ${line.tier}`).sort();
    assert.deepEqual([...new Set(lines)], ['200 off standard', '403 denied ']);
  } finally {
    await off.stop();
  }
});

/** As the harness has them. */
function logs(): Record<string, unknown> {
  return { access: `${gateway.run}/access.log`, error: `${gateway.run}/error.log`, stdout: false };
}
