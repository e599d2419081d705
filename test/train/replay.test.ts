import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { plan } from '../../train/replay_plan.ts';
import { compare } from '../../train/replay_scorer.ts';
import { headersOf, send, type Outcome } from '../../train/replay_send.ts';
import { line, logOf } from './replay_log.ts';

const GATEWAY_PORT = 15250;
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

async function serve(t: TestContext, port: number, handler: http.RequestListener): Promise<URL> {
  const server = http.createServer(handler);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}
/** Answers as the demo backend does, from `slow` from a client's fifth request on. */
function gateway(seen: http.IncomingMessage[]): http.RequestListener {
  const counts = new Map<string, number>();
  return (request, response) => {
    seen.push(request);
    const client = String(request.headers['x-forwarded-for']);
    const count = (counts.get(client) ?? 0) + 1;
    counts.set(client, count);
    const status = Number(request.headers['x-demo-status']);
    response.writeHead(request.url === '/broken' ? 502 : status, { 'X-Tier': count >= 5 ? 'slow' : 'fast' });
    const bodiless = request.method === 'HEAD' || status === 304 || status === 204;
    response.end(bodiless ? undefined : 'x'.repeat(Number(request.headers['x-demo-bytes'])));
  };
}
async function outcomes(url: URL, file: string, speed = 50): Promise<Outcome[]> {
  const done: Outcome[] = [];
  const { requests } = await plan(file, { from: -Infinity, to: Infinity });
  const { signal } = new AbortController();
  await send(requests, { gateway: url, speed, signal, onDone: (_, outcome) => done.push(outcome) });
  return done;
}
async function replay(args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'train/replay.ts', ...args], { cwd: ROOT });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (err += String(chunk)));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

test('each request is sent as the log has it, from its client, without a body', async (t) => {
  const seen: http.IncomingMessage[] = [];
  const url = await serve(t, GATEWAY_PORT, gateway(seen));
  const file = logOf(t, [
    line('192.0.2.1', 0, 'POST /a%20b?c=\\xC3\\xA4 d HTTP/1.1', 404, 99_000_000),
    line('2001:db8::5', 1, 'HEAD /h HTTP/1.0', 200, 500),
    line('192.0.2.1', 2, 'GET /n HTTP/1.1', 304, 0),
    line('192.0.2.1', 3, 'GET /m HTTP/1.1', 204, 0),
  ]);
  const done = await outcomes(url, file);
  const [post, head] = ['POST', 'HEAD'].map((method) => seen.find((request) => request.method === method));
  assert.equal(post?.url, '/a%20b?c=%C3%A4%20d');
  const { headers } = post;
  assert.deepEqual(
    [
      headers['x-forwarded-for'],
      headers['x-demo-status'],
      headers['x-demo-bytes'],
      headers['content-length'],
    ],
    ['192.0.2.1', '404', String(10 * 1024 * 1024), '0'],
  );
  assert.deepEqual([headers.referer, headers['user-agent']], ['http://e/', 'agent']);
  assert.deepEqual([head?.method, head?.headers['x-forwarded-for']], ['HEAD', '2001:db8::5']);
  assert.deepEqual(
    done.map((outcome) => outcome.failed),
    [null, null, null, null],
  );
});

test('a request without referer, agent or a status that can be asked for has no such header', () => {
  const row = {
    time: 0,
    duration: 0,
    client: '192.0.2.1',
    method: 'GET',
    target: '/',
    protocol: '',
    status: 101,
    bytes: 0,
  };
  assert.deepEqual(headersOf({ ...row, referer: '', userAgent: '' }), {
    'X-Forwarded-For': '192.0.2.1',
    'X-Demo-Bytes': '0',
  });
});

test('requests are sent at the log’s pace', async (t) => {
  const times: number[] = [];
  const answer = gateway([]);
  const url = await serve(t, GATEWAY_PORT, (request, response) => {
    times.push(performance.now());
    answer(request, response);
  });
  await outcomes(
    url,
    logOf(
      t,
      [0, 0, 10, 20].map((second) => line('192.0.2.1', second)),
    ),
  );
  const gaps = times.slice(1).map((time, i) => time - (times[i] ?? 0));
  // 0.5, 9.5 and 10 s of the log, 50 times as fast.
  [10, 190, 200].forEach((ms, i) => assert.ok(Math.abs((gaps[i] ?? 0) - ms) < 60, `${gaps}`));
});

test('an idempotent request is sent once more when a kept connection closes unused, a POST is failed', async (t) => {
  let requests = 0;
  const url = await serve(t, GATEWAY_PORT, (request, response) => {
    requests++;
    // The second request of a connection finds it closed.
    const used = (request.socket as { used?: boolean }).used === true;
    Object.assign(request.socket, { used: true });
    if (used) request.socket.destroy();
    else response.end('x');
  });
  const gets = await outcomes(
    url,
    logOf(
      t,
      [0, 5].map((second) => line('192.0.2.1', second)),
    ),
  );
  assert.deepEqual(
    [gets.map(({ failed }) => failed), gets.map(({ again }) => again)],
    [
      [null, null],
      [false, true],
    ],
  );
  assert.equal(requests, 3);
  const posts = await outcomes(
    url,
    logOf(
      t,
      [0, 5].map((second) => line('192.0.2.1', second, 'POST / HTTP/1.1')),
    ),
  );
  assert.equal(posts[1]?.again, false);
  assert.match(posts[1].failed ?? '', /ECONNRESET|hang up/);
});

test('a truncated answer and an unasked 5xx are failures, a 5xx of the log is not', async (t) => {
  const url = await serve(t, GATEWAY_PORT, (request, response) => {
    if (request.url === '/cut')
      response.writeHead(200, { 'Content-Length': '99' }).write('x', () => response.destroy());
    else response.writeHead(503).end();
  });
  const file = logOf(t, [
    line('192.0.2.1', 0, 'GET /cut HTTP/1.1'),
    line('192.0.2.1', 5, 'GET /a HTTP/1.1', 503),
    line('192.0.2.1', 10, 'GET /b HTTP/1.1', 200),
  ]);
  const done = await outcomes(url, file);
  assert.deepEqual(
    done.map(({ failed }) => failed),
    ['truncated answer', null, 'status 503'],
  );
});

test('what the scorer says agrees to the second', () => {
  const now = 100_000;
  const due = [20_000, 38_800, 41_200, 60_000, 99_000];
  assert.deepEqual(compare(due, now, 3), { sent: 3, agrees: true });
  assert.equal(compare(due, now, 4).agrees, true);
  assert.equal(compare(due, now, 5).agrees, false);
  assert.equal(compare(due, now, 1).agrees, false);
});

test('the whole replay prints tiers, clients, diversions, failures and agreement', async (t) => {
  const url = await serve(t, GATEWAY_PORT, gateway([]));
  const scorer = await serve(t, 0, (request, response) => {
    const ip = new URL(request.url ?? '', 'http://e').searchParams.get('ip');
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ ip, score: 0.9, tier: 'slow', requests_60s: ip === '192.0.2.1' ? 7 : 99 }));
  });
  const file = logOf(t, [
    ...[0, 1, 2, 3, 4, 5, 6].map((second) => line('192.0.2.1', second)),
    line('192.0.2.9', 7, 'GET /broken HTTP/1.1'),
    'junk',
  ]);
  const run = await replay([file, '--speed', '50', '--gateway', url.origin, '--scorer', scorer.origin]);
  assert.equal(run.code, 1, run.err);
  assert.match(run.out, /8 requests, 1 lines do not fit/);
  assert.match(run.out, /window of 60 s holds 3000 s of the log/);
  assert.match(run.out, /^fast +2 +5$/m);
  assert.match(run.out, /^slow +1 +3$/m);
  assert.match(run.out, /^192\.0\.2\.1 +7 +0\.900 +slow +5 \(slow\) +7 +7 +yes$/m);
  assert.match(run.out, /^192\.0\.2\.9 +1 .* 99 +1 +NO$/m);
  assert.match(run.out, /^failed requests: 1 \(1 status 502\)$/m);
  assert.match(run.out, /agrees .* 1 of 2 clients/);
});

test('an unknown option lists the right ones, and a gateway that is not there says what to do', async (t) => {
  const unknown = await replay(['--fast', 'x.log']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /Unknown option '--fast'[^]*--busiest SPAN/);
  const file = logOf(t, [line('192.0.2.1', 0)]);
  const absent = await replay([file, '--gateway', `http://127.0.0.1:${GATEWAY_PORT}`]);
  assert.equal(absent.code, 2);
  assert.match(
    absent.err,
    /gateway at http:\/\/127\.0\.0\.1:15250 cannot be reached \(ECONNREFUSED\).*npm start/,
  );
});
