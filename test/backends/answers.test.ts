import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import test, { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { statusOf } from '../../backends/log.ts';
import { readRates } from '../../backends/rates.ts';
import { ratesFile, site, type ErrorBody } from './site.ts';

const app = await site();
const address = new URL(await app.listen({ port: 15300, host: '127.0.0.1' }));
after(() => app.close());

/** The answer to bytes that no HTTP client would send. */
async function raw(request: string): Promise<{ status: number; body: ErrorBody }> {
  const socket = connect(Number(address.port), address.hostname);
  let text = '';
  socket.on('data', (data) => (text += data.toString()));
  socket.write(request);
  await once(socket, 'close');
  const [head = '', body = ''] = text.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), body: JSON.parse(body) as ErrorBody };
}

const close = 'Host: localhost\r\nConnection: close\r\n\r\n';

test('every error has the same shape, with what is wrong and what would be right', async () => {
  for (const [request, status, code] of [
    [`GET /add?a=1 HTTP/1.1\r\n${close}`, 400, 'MISSING_NUMBER'],
    [`GET /convert/%zz HTTP/1.1\r\n${close}`, 400, 'BAD_REQUEST'],
    [`GET /convert/${'1'.repeat(3000)} HTTP/1.1\r\n${close}`, 400, 'NUMBER_TOO_LONG'],
    ['nonsense\r\n\r\n', 400, 'BAD_REQUEST'],
    [`BREW / HTTP/1.1\r\n${close}`, 400, 'BAD_REQUEST'],
    [`GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n${close}`, 431, 'BAD_REQUEST'],
    [`GET /nowhere HTTP/1.1\r\n${close}`, 404, 'NOT_FOUND'],
    [`GET // HTTP/1.1\r\n${close}`, 404, 'NOT_FOUND'],
    [`POST /nowhere HTTP/1.1\r\n${close}`, 404, 'NOT_FOUND'],
    [`GET /add/1 HTTP/1.1\r\n${close}`, 404, 'NOT_FOUND'],
    [`POST / HTTP/1.1\r\n${close}`, 405, 'METHOD_NOT_ALLOWED'],
    [`DELETE /add?a=1&b=2 HTTP/1.1\r\n${close}`, 405, 'METHOD_NOT_ALLOWED'],
    [`PUT /convert/1 HTTP/1.1\r\nContent-Length: 2\r\n${close}{}`, 405, 'METHOD_NOT_ALLOWED'],
    [`PROPFIND /convert HTTP/1.1\r\n${close}`, 405, 'METHOD_NOT_ALLOWED'],
    [`POST /control HTTP/1.1\r\n${close}`, 405, 'METHOD_NOT_ALLOWED'],
  ] as const) {
    const answer = await raw(request);
    const where = request.slice(0, 40);
    assert.deepEqual([answer.status, answer.body.served_by], [status, 'fast'], where);
    const { error } = answer.body;
    assert.equal(error.code, code, where);
    assert.ok(error.message.length > 0 && error.right.length > 0, where);
    assert.ok(
      Object.keys(error).every((key) => ['code', 'message', 'right', 'field'].includes(key)),
      where,
    );
  }
});

test('a defect is a 500 of the same shape that says nothing of its inside', async (context) => {
  const said = context.mock.method(console, 'error', () => undefined);
  // Rates that readRates() would have refused: the division by them throws.
  const broken = await site({ rates: { ...readRates(ratesFile), reais_per_dollar: 'a defect of ours' } });
  const answer = await broken.inject('/convert/1');
  assert.equal(answer.statusCode, 500);
  assert.equal(answer.json<ErrorBody>().error.code, 'INTERNAL');
  assert.doesNotMatch(answer.body, /big\.js/);
  assert.match(String(said.mock.calls[0]?.arguments[0]), /fast: Error: \[big\.js\] Invalid number\n +at /);
  await broken.close();
});

test('clients that leave early are logged as 499, are no defect, and leave nothing under way', async (context) => {
  const said = context.mock.method(console, 'error', () => undefined);
  const logged: string[] = [];
  const one = await site({ log: (request, reply) => logged.push(`${request.url} ${statusOf(reply)}`) });
  const { port, hostname } = new URL(await one.listen({ port: 15303, host: '127.0.0.1' }));
  for (const request of [
    'POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc',
    'GET /slow HTTP/1.1\r\nHost: localhost\r\nX-Demo-Delay: 200\r\n\r\n',
    'GET /%zz HTTP/1.1\r\nHost: localhost\r\nX-Demo-Delay: 200\r\n\r\n',
  ]) {
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.write(request);
    await sleep(50);
    socket.destroy();
    await sleep(300);
  }
  assert.deepEqual(logged, ['/echo 499', '/slow 499', '/%zz 499']);
  assert.equal((await one.inject('/health')).json<{ in_flight: number }>().in_flight, 1, 'this one');
  assert.deepEqual(said.mock.calls, []);
  await one.close();
});

test('405 names the methods that there are', async () => {
  const answer = await app.inject({ method: 'POST', url: '/add' });
  assert.deepEqual([answer.statusCode, answer.headers['allow']], [405, 'GET, HEAD']);
});

test('every answer says who gave it; what a node says of itself may not be stored, results may', async () => {
  const itself = ['/', '/who', '/echo', '/health', '/nowhere', '/%zz', '/add?a=1', '/convert/none'];
  const results = ['/add?a=1&b=1', '/subtract?a=1&b=1', '/convert/1', '/convertepradolareuro/1'];
  for (const url of [...itself, ...results]) {
    const { headers } = await app.inject(url);
    const stored = results.includes(url) ? undefined : 'no-store';
    assert.deepEqual([headers['x-served-by'], headers['cache-control']], ['fast', stored], url);
  }
});

test('HEAD answers the headers only', async () => {
  for (const url of ['/', '/add?a=1&b=1', '/who', '/echo/x']) {
    const response = await fetch(new URL(url, address), { method: 'HEAD' });
    assert.deepEqual([response.status, response.headers.get('x-served-by')], [200, 'fast'], url);
    assert.equal(await response.text(), '');
  }
});

test('/echo says what arrived, whatever the method, the path and the type of the body', async () => {
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND']) {
    const answer = await fetch(new URL('/echo/any.php?x=1', address), { method });
    const body = (await answer.json()) as Record<string, unknown>;
    assert.deepEqual([body['served_by'], body['method'], body['path']], ['fast', method, '/echo/any.php']);
  }
  for (const type of ['application/json', 'text/xml', 'made/up', 'multipart/form-data']) {
    const sent = { method: 'POST', headers: { 'content-type': type }, body: '{broken' };
    const answer = await fetch(new URL('/echo', address), sent);
    assert.deepEqual([answer.status, ((await answer.json()) as { body_bytes: number }).body_bytes], [200, 7]);
  }
});

test('the page names the node without JavaScript, and needs nothing from elsewhere', async () => {
  const page = await app.inject('/');
  assert.match(String(page.headers['content-type']), /^text\/html/);
  assert.match(page.body, /<h1>Served by <strong>fast<\/strong><\/h1>/);
  assert.match(page.body, /<html lang="en">/);
  assert.match(String(page.headers['content-security-policy']), /^default-src 'none'; script-src 'self';/);
  // What the policy would block: scripts and styles of the page's own text.
  assert.doesNotMatch(page.body, /<style|style=|<script>|\son\w+=|https?:/);
  const used = [...page.body.matchAll(/(?:src|href|action)="([^"]+)"/g)].map(([, url]) => url ?? '');
  assert.ok(used.length >= 6, String(used));
  const sent = new Map([
    ['/add', '?a=0.1&b=0.2'],
    ['/subtract', '?a=10&b=2.5'],
  ]);
  for (const url of used) {
    assert.equal((await app.inject(url + (sent.get(url) ?? ''))).statusCode, 200, url);
  }
});

test('assets have their type, may be kept for a minute, and are not sent again unchanged', async () => {
  for (const [url, type] of [
    ['/assets/demo.css', 'text/css; charset=utf-8'],
    ['/assets/demo.js', 'text/javascript; charset=utf-8'],
    ['/assets/icon.svg', 'image/svg+xml'],
    ['/favicon.ico', 'image/svg+xml'],
  ] as const) {
    const first = await app.inject(url);
    assert.deepEqual([first.statusCode, first.headers['content-type']], [200, type]);
    assert.equal(first.headers['cache-control'], 'public, max-age=60');
    const headers = { 'if-none-match': String(first.headers['etag']) };
    const again = await app.inject({ url, headers });
    assert.deepEqual([again.statusCode, again.body], [304, '']);
    const other = await app.inject({ url, headers: { 'if-none-match': '"other"' } });
    assert.equal(other.statusCode, 200);
  }
});

test('/who counts the requests, without those of health checks', async () => {
  const one = await site();
  for (const url of ['/', '/health', '/control', '/add?a=1', '/health']) await one.inject(url);
  const body = (await one.inject('/who')).json<{ served_by: string; requests: number }>();
  assert.deepEqual([body.served_by, body.requests], ['fast', 3]);
  await one.close();
});
