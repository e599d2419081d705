import assert from 'node:assert/strict';
import { request } from 'node:http';
import test, { after, afterEach } from 'node:test';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { site, type ErrorBody } from './site.ts';

const SECRET = '0123456789abcdef';
const app = await site();
const guarded = await site({ secret: SECRET });
const every = await site({ everyPath: true });
after(() => Promise.all([app.close(), guarded.close(), every.close()]));
afterEach(() => app.inject({ method: 'DELETE', url: '/control' }));

const tell = (behaviour: unknown, on: FastifyInstance = app, more: InjectOptions = {}) =>
  on.inject({ method: 'PUT', url: '/control', payload: JSON.stringify(behaviour), ...more });

test('a node that is told to fail its health checks does, until it is told otherwise, and serves on', async () => {
  assert.deepEqual((await app.inject('/health')).json<{ status: string }>().status, 'ok');
  assert.equal((await tell({ health: 'failing' })).statusCode, 200);
  const ill = await app.inject('/health');
  assert.deepEqual([ill.statusCode, ill.json<ErrorBody>().error.code], [503, 'UNHEALTHY']);
  assert.equal((await app.inject('/')).statusCode, 200);
  assert.equal((await app.inject({ method: 'DELETE', url: '/control' })).statusCode, 200);
  assert.equal((await app.inject('/health')).statusCode, 200);
});

test('a node that is told to fail answers everything with that status but its health checks', async () => {
  await tell({ status: 503 });
  for (const url of ['/', '/add?a=1&b=2', '/nowhere', '/assets/demo.css']) {
    const answer = await app.inject(url);
    assert.deepEqual([answer.statusCode, answer.json<ErrorBody>().error.code], [503, 'TOLD_TO_FAIL'], url);
  }
  assert.equal((await app.inject('/health')).statusCode, 200);
  assert.deepEqual((await app.inject('/control')).json(), {
    served_by: 'fast',
    health: 'ok',
    delay_ms: 0,
    status: 503,
  });
});

test('a node that is told to be slow is slow, but not in its health checks', async () => {
  await tell({ delay_ms: 150 });
  const timed = async (url: string): Promise<number> => {
    const started = performance.now();
    assert.equal((await app.inject(url)).statusCode, 200);
    return performance.now() - started;
  };
  assert.ok((await timed('/who')) >= 145);
  assert.ok((await timed('/health')) < 100);
});

test('what is left out of PUT is normal again, and a wrong one changes nothing', async () => {
  await tell({ health: 'failing', delay_ms: 5 });
  for (const [body, field] of [
    ['{"health":"ill"}', 'health'],
    ['{"delay_ms":-1}', 'delay_ms'],
    ['{"delay_ms":10001}', 'delay_ms'],
    ['{"delay_ms":"5"}', 'delay_ms'],
    ['{"status":200}', 'status'],
    ['{"status":600}', 'status'],
    ['{"delay":5}', 'delay'],
    ['[]', undefined],
    ['null', undefined],
    ['{"__proto__":{}}', '__proto__'],
    ['{"status":"500"}', 'status'],
    ['{"delay_ms":null}', 'delay_ms'],
    ['{', undefined],
    ['', undefined],
  ] as const) {
    const answer = await app.inject({ method: 'PUT', url: '/control', payload: body });
    const { error } = answer.json<ErrorBody>();
    assert.deepEqual([answer.statusCode, error.code], [400, 'INVALID_CONTROL'], body);
    assert.equal(error.field, field, body);
    assert.match(error.right, /"delay_ms": 0 to 10000/);
  }
  const large = await tell({ health: 'x'.repeat(5000) });
  assert.deepEqual([large.statusCode, large.json<ErrorBody>().error.code], [413, 'BODY_TOO_LARGE']);
  assert.equal((await app.inject('/health')).statusCode, 503);
  await tell({});
  assert.equal((await app.inject('/health')).statusCode, 200);
});

/** Who asks, and whether /control and X-Demo-* are obeyed without a secret. */
const askers: [about: string, InjectOptions, control: boolean, rehearsal: boolean][] = [
  ['this machine', {}, true, true],
  ['this machine, by IPv6', { remoteAddress: '::1', headers: { host: '[::1]:8081' } }, true, true],
  ['this machine, on a socket of both families', { remoteAddress: '::ffff:127.0.0.1' }, true, true],
  ['another machine', { remoteAddress: '203.0.113.9' }, false, false],
  [
    'another machine that claims to be this one',
    { remoteAddress: '203.0.113.9', headers: { 'x-forwarded-for': '127.0.0.1' } },
    false,
    false,
  ],
  ['this machine, through the gateway', { headers: { 'x-forwarded-for': '127.0.0.1' } }, false, true],
  [
    'a replay, through the gateway',
    { headers: { 'x-forwarded-for': '203.0.113.9, 127.0.0.1', 'x-real-ip': '203.0.113.9' } },
    false,
    true,
  ],
  ['somebody, through the gateway', { headers: { 'x-forwarded-for': '203.0.113.9' } }, false, false],
  [
    'somebody who forges, through the gateway',
    { headers: { 'x-forwarded-for': '127.0.0.1, 203.0.113.9' } },
    false,
    false,
  ],
  ['a proxy that says nothing of its client', { headers: { 'x-forwarded-for': '' } }, false, false],
  ['a page in a browser', { headers: { origin: 'http://evil.example' } }, false, false],
  ['a link in a browser', { headers: { 'sec-fetch-site': 'cross-site' } }, false, false],
  ['a name that leads here (DNS rebinding)', { headers: { host: 'evil.example:8081' } }, false, false],
];

test('only this machine may tell a node anything, and only past all proxies how to behave', async () => {
  for (const [about, { headers = {}, ...from }, control, rehearsal] of askers) {
    const local = { host: '127.0.0.1:8081', ...headers };
    const told = await tell({}, app, { headers: local, ...from });
    assert.equal(told.statusCode, control ? 200 : 403, `${about}: /control`);
    const seen = await app.inject({ url: '/control', headers: local, ...from });
    assert.equal(seen.statusCode, control ? 200 : 403, `${about}: GET /control`);
    const asked = await app.inject({ url: '/x', headers: { ...local, 'x-demo-status': '418' }, ...from });
    assert.equal(asked.statusCode, rehearsal ? 418 : 403, `${about}: X-Demo-Status`);
    if (!rehearsal) assert.equal(asked.json<ErrorBody>().error.code, 'REFUSED', about);
  }
});

test('where there is a secret, whoever has it may, from anywhere, and nobody else', async () => {
  for (const [about, from] of askers) {
    for (const [given, allowed] of [
      [SECRET, true],
      [undefined, false],
      ['', false],
      ['0123456789abcdeF', false],
      [`${SECRET}0`, false],
    ] as const) {
      const headers = { ...from.headers, ...(given === undefined ? {} : { 'x-demo-secret': given }) };
      const told = await tell({}, guarded, { ...from, headers });
      assert.equal(told.statusCode, allowed ? 200 : 403, `${about} with ${given}`);
      const asked = await guarded.inject({
        ...from,
        url: '/x',
        headers: { ...headers, 'x-demo-status': '418' },
      });
      assert.equal(asked.statusCode, allowed ? 418 : 403, `${about} with ${given}`);
    }
  }
});

test('X-Demo-Status, X-Demo-Bytes and X-Demo-Delay are obeyed at any target', async () => {
  const headers = { 'X-Demo-Status': '404', 'X-Demo-Bytes': '5000' };
  for (const url of ['/', '/missing', '/add', '/%zz', '//']) {
    const answer = await app.inject({ url, headers });
    assert.deepEqual([answer.statusCode, answer.body.length], [404, 5000], url);
  }
  const started = performance.now();
  const late = await app.inject({ url: '/', headers: { 'X-Demo-Delay': '150' } });
  assert.deepEqual([late.statusCode, late.json<{ path: string }>().path], [200, '/']);
  assert.ok(performance.now() - started >= 145);
});

test('a 304 and a 204 are answered without a body, a redirect with what was asked for', async () => {
  for (const [status, length] of [
    [204, 0],
    [304, 0],
    [302, 12],
  ] as const) {
    const answer = await app.inject({
      url: '/x',
      headers: { 'X-Demo-Status': `${status}`, 'X-Demo-Bytes': '12' },
    });
    assert.deepEqual([answer.statusCode, answer.body.length], [status, length]);
  }
});

test('X-Demo headers out of bounds are refused', async () => {
  for (const [name, value] of [
    ['X-Demo-Status', '99'],
    ['X-Demo-Status', '199'],
    ['X-Demo-Status', '600'],
    ['X-Demo-Status', '2e2'],
    ['X-Demo-Bytes', '99999999'],
    ['X-Demo-Bytes', '-1'],
    ['X-Demo-Delay', '10001'],
    ['X-Demo-Delay', 'soon'],
    ['X-Demo-Delay', ''],
  ] as const) {
    const answer = await app.inject({ url: '/', headers: { [name]: value } });
    const { error } = answer.json<ErrorBody>();
    assert.deepEqual([answer.statusCode, error.code, error.field], [400, 'INVALID_REHEARSAL', name], value);
  }
});

test('with --every-path whatever is no address of the application answers 200 with what arrived', async () => {
  const address = new URL(await every.listen({ port: 15302, host: '127.0.0.1' }));
  for (const [method, path] of [
    ['GET', '/any/path.php?x=1'],
    ['POST', '/'],
    ['DELETE', '/add'],
    ['PROPFIND', '/dav'],
    ['GET', '//'],
    ['GET', '/%zz'],
    ['GET', '/a//b/../c'],
    ['GET', '/caf%E9'],
    ['OPTIONS', '*'],
  ] as const) {
    const body = await new Promise<string>((resolve, reject) => {
      const sent = request({ port: address.port, host: address.hostname, path, method }, (response) => {
        let text = '';
        response.on('data', (data: Buffer) => (text += data.toString()));
        response.on('end', () => resolve(`${response.statusCode} ${text}`));
      });
      sent.on('error', reject).end();
    });
    assert.match(body, /^200 \{"served_by":"fast"/, `${method} ${path}`);
  }
  assert.match((await every.inject('/')).body, /Served by/);
  assert.equal((await every.inject('/health')).json<{ status: string }>().status, 'ok');
});
