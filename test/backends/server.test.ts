import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, get, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../../config/paths.ts';
import { parseJsonLine } from '../../train/line_json.ts';

const PORT = 15301;
const url = `http://127.0.0.1:${PORT}`;
const folder = mkdtempSync(join(tmpdir(), 'scoregate-demo-'));
after(() => rmSync(folder, { recursive: true }));

const command = ['--import', 'tsx', 'backends/server.ts'];

/** A node as a process, once it answers; `output` is what it printed so far. */
async function start(...more: string[]): Promise<{
  child: ChildProcess;
  exited: Promise<unknown[]>;
  output: () => string;
}> {
  const child = spawn(process.execPath, [...command, '--port', String(PORT), '--name', 'slow', ...more], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (text += data.toString()));
  }
  const exited = once(child, 'close');
  const answers = () =>
    fetch(`${url}/health`).then(
      (answer) => answer.ok,
      () => false,
    );
  for (const ends = Date.now() + 15_000; !(await answers()); await sleep(50)) {
    if (Date.now() > ends) throw new Error(`the node does not answer:\n${text}`);
  }
  return { child, exited, output: () => text };
}

const delayed = (ms: number) => fetch(url, { headers: { 'X-Demo-Delay': String(ms) } });

test('the program finishes what it is answering when it is told to stop, and takes nothing new', async () => {
  const { child, exited } = await start();
  const pending = delayed(600);
  await sleep(200);
  const started = Date.now();
  child.kill('SIGTERM');
  await sleep(100);
  await assert.rejects(fetch(`${url}/who`), 'a new connection is refused');
  const answer = await pending;
  assert.deepEqual([answer.status, answer.headers.get('connection')], [200, 'close']);
  assert.deepEqual(await exited, [0, null]);
  assert.ok(Date.now() - started < 2000, `${Date.now() - started} ms`);
});

test('idle kept-alive connections are closed at once', async () => {
  const { child, exited } = await start();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const [response] = (await once(get(`${url}/who`, { agent }), 'response')) as [NodeJS.ReadableStream];
  response.resume();
  await once(response, 'end');
  const started = Date.now();
  child.kill('SIGINT');
  assert.deepEqual(await exited, [0, null]);
  assert.ok(Date.now() - started < 1000, `${Date.now() - started} ms`);
  agent.destroy();
});

test('what takes too long is cut off, and that is said', async () => {
  const { child, exited, output } = await start();
  const pending = delayed(10_000);
  const failed = assert.rejects(pending);
  await sleep(200);
  const started = Date.now();
  child.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
  const took = Date.now() - started;
  assert.ok(took > 4500 && took < 6500, `${took} ms`);
  assert.match(output(), /slow: .* cut off/);
  await failed;
});

test('each request is one line of JSON, on standard output and in the file, as the gateway writes it', async () => {
  const file = join(folder, 'deep', 'slow.log');
  const { child, exited, output } = await start('--log', '--log-file', file);
  const headers = { 'X-Real-IP': '203.0.113.9', 'User-Agent': 'a "test"\\', Referer: 'http://site/' };
  const sum = await (await fetch(`${url}/add?a=1&b=2`, { headers })).text();
  const long = '"'.repeat(3000);
  const longest = { 'X-Real-IP': long, 'User-Agent': long, Referer: long };
  await (await fetch(`${url}/nowhere/${'x'.repeat(3000)}`, { headers: longest })).text();
  await (await fetch(`${url}/%zz`)).text();
  const left = request(url, { headers: { 'X-Demo-Delay': '500' } });
  left.on('error', () => undefined).end();
  await sleep(200);
  left.destroy();
  await sleep(500);
  child.kill('SIGTERM');
  await exited;
  const text = readFileSync(file, 'utf8');
  assert.equal(output(), text, 'both are the same, and health checks are in neither');
  const lines = text.trim().split('\n');
  const [added, missing, bad, gone] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.equal(lines.length, 4, text);
  const { time, timestamp, duration_s, ...rest } = added ?? {};
  assert.deepEqual(rest, {
    served_by: 'slow',
    client: '203.0.113.9',
    peer: '127.0.0.1',
    method: 'GET',
    uri: '/add?a=1&b=2',
    protocol: 'HTTP/1.1',
    status: 200,
    bytes: sum.length,
    referer: 'http://site/',
    user_agent: 'a "test"\\',
  });
  assert.equal(new Date(String(time)).getTime(), Number(timestamp) * 1000);
  assert.ok(typeof duration_s === 'number' && duration_s >= 0 && duration_s < 1);
  assert.deepEqual([missing?.['status'], String(missing?.['uri']).length], [404, 500]);
  assert.deepEqual([bad?.['status'], bad?.['uri']], [400, '/%zz']);
  assert.equal(gone?.['status'], 499, 'the client left before its answer');
  assert.equal(parseJsonLine(lines[0] ?? '')?.client, '203.0.113.9', 'what trains reads it');
  assert.ok(lines.every((line) => Buffer.byteLength(line) < 4096));
});

test('a wrong option ends the start with what would be right', () => {
  for (const [args, code, expected] of [
    [[], 2, /--port: a number from 0 to 65535 is needed, for example --port 8081/],
    [['--port', '80x'], 2, /--port 80x: a number/],
    [['--port', '65536'], 2, /--port 65536: a number/],
    [['--port', '1', '--name', 'a b'], 2, /--name a b: 1 to 64 letters/],
    [['--port', '1', '--colour', 'red'], 2, /'--colour'[^]*--every-path/],
    [
      ['--port', '1', '--host', '0.0.0.0', '--every-path'],
      2,
      /--every-path with --host 0\.0\.0\.0: .*loopback only/,
    ],
    [['--port', '0', '--rates', 'none.json'], 1, /none\.json: cannot be read/],
    [
      ['--port', '0', '--log-file', 'package.json/x.log'],
      1,
      /--log-file package\.json\/x\.log cannot be written/,
    ],
  ] as const) {
    const { status, stderr } = spawnSync(process.execPath, [...command, ...args], {
      timeout: 10_000,
      cwd: root,
      encoding: 'utf8',
    });
    assert.match(stderr, expected);
    assert.doesNotMatch(stderr, /\n +at /, 'no stack');
    assert.equal(status, code, args.join(' '));
  }
  const env = { ...process.env, DEMO_SECRET: 'short' };
  const { status, stderr } = spawnSync(process.execPath, [...command, '--port', '0'], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
  assert.deepEqual([status, /DEMO_SECRET: 16 or more/.test(stderr)], [2, true]);
});
