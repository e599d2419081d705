import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../../config/paths.ts';
import { startGateway, type Gateway } from '../harness/gateway.ts';
import { Origin } from '../harness/origin.ts';
import { speakNoHttp } from '../harness/raw.ts';

const PORT = 16840;
const origin = new Origin(PORT + 15);
const tiers = ['fast', 'standard', 'slow'].map((name) => ({ name, backends: [`127.0.0.1:${origin.port}`] }));
const scorer = { listen: `127.0.0.1:${PORT + 2}`, wait_ms: 1000, timeout_ms: 3000 };
const access = { deny: ['192.0.2.66'] };

let gateway: Gateway;
let file: string;
before(async () => {
  await origin.start();
  gateway = await startGateway({ port: PORT, config: { tiers, scorer, access } });
  file = join(gateway.run, 'access.log');
});
after(async () => {
  await gateway.stop();
  await origin.stop();
});

/** A configuration of the logs, and an empty log. */
async function configure(logs: Record<string, unknown>, more: Record<string, unknown> = {}): Promise<void> {
  const files = { access: file, error: join(gateway.run, 'error.log'), stdout: false };
  gateway.configure({ logs: { ...files, ...logs }, ...more });
  gateway.reload();
  await sleep(1000);
  writeFileSync(file, '');
}

type Line = Record<string, unknown> & {
  request_headers: Record<string, string>;
  response_headers: Record<string, string>;
};

/** The one line of the log about `uri`. */
async function line(uri: string): Promise<Line> {
  await sleep(1300);
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const found = lines.map((text) => JSON.parse(text) as Line).filter((one) => one['uri'] === uri);
  assert.equal(found.length, 1, lines.join('\n'));
  return found[0] as Line;
}

const send = async (path: string, options: RequestInit = {}): Promise<void> => {
  await (await fetch(`http://127.0.0.1:${PORT}${path}`, options)).arrayBuffer();
};

test('without details a line has the fields that it always has, and no others', async () => {
  origin.on('/bare', {});
  await send('/bare');
  const names = Object.keys(await line('/bare'));
  assert.deepEqual(names.slice(0, 4), ['time', 'timestamp', 'request_id', 'client']);
  assert.equal(names.length, 20);
});

test('with details it has the same fields, the headers with masked values, and the beginnings of bodies', async () => {
  const usual = Object.keys(await line('/bare'));
  await configure({ headers: true, masked: ['Authorization', 'set-cookie'], body_bytes: 10 });
  origin.on('/details?a="b"', {});
  origin.on('/details', {
    headers: { 'X-Two': ['a', 'b'], 'Set-Cookie': ['secret=1', 'secret=2'] },
    body: 'ação "é" feita',
  });
  const headers = {
    Authorization: 'Bearer secret',
    'X-Mine': 'one "two" \\ /',
    'Content-Type': 'text/plain',
  };
  await send('/details?a=%22b%22', { method: 'POST', headers, body: 'the body of the request' });
  const text = readFileSync(file, 'utf8');
  const found = await line('/details?a=%22b%22');
  const { request_headers: asked, response_headers: answered } = found;
  assert.deepEqual(Object.keys(found), [
    ...usual,
    'request_headers',
    'response_headers',
    'request_body',
    'response_body',
  ]);
  assert.deepEqual([found['method'], found['status'], typeof found['timestamp']], ['POST', 200, 'number']);
  assert.deepEqual([asked['authorization'], asked['x-mine']], ['***', headers['X-Mine']]);
  assert.equal(asked['host'], `127.0.0.1:${PORT}`);
  assert.deepEqual(
    [answered['x-two'], answered['set-cookie'], answered['content-type']],
    ['a, b', '***', 'text/plain'],
  );
  assert.equal(
    answered['connection'],
    undefined,
    'what nginx says of it in the log phase is not what it sent',
  );
  assert.doesNotMatch(text, /secret/);
  assert.deepEqual(
    [found['request_body'], found['response_body']],
    ['the body o', 'ação "é'],
    '10 bytes, whole letters',
  );
});

test('a body that is no text, one that is in a file, and none: each line is JSON', async () => {
  await configure({ body_bytes: 65536 });
  origin.on('/binary', { body: Buffer.from([0, 255, 128, 10, 34]) });
  await send('/binary', { method: 'POST', body: Buffer.alloc(300_000, 'x') });
  await send('/none');
  const found = await line('/binary');
  assert.equal(found['response_body'], '\u0000\u00ff\u0080\n"');
  assert.equal(found['request_body'], 'x'.repeat(65536));
  assert.deepEqual([(await line('/none'))['request_body'], found['request_headers']], ['', undefined]);
});

test('what the cache answers, what a list denies and what nginx refuses have whole lines too', async () => {
  await configure({ headers: true, body_bytes: 20 }, { cache: { enabled: true, ttl_s: 60 } });
  origin.on('/cached', { body: 'from the backend' });
  await send('/cached');
  writeFileSync(file, '');
  await sleep(1100);
  writeFileSync(file, '');
  await send('/cached');
  await send('/denied', { headers: { 'X-Forwarded-For': '192.0.2.66' } });
  await send('/%zz').catch(() => undefined);
  const found = await line('/cached');
  assert.deepEqual([found['cache'], found['response_body']], ['HIT', 'from the backend']);
  const denied = await line('/denied');
  assert.deepEqual([denied['status'], denied['origin'], denied['score']], [403, 'denied', null]);
  assert.equal((await line(''))['status'], 400);
  assert.doesNotMatch(gateway.errors(), /\[error\].*lua/);
});

test('an answer that is no HTTP is an error of the one who asked', async () => {
  const ip = '192.0.2.9';
  const backends = [`127.0.0.1:${PORT + 16}`];
  const end = await speakNoHttp(PORT + 16);
  try {
    await configure({}, { tiers: tiers.map(({ name }) => ({ name, backends })) });
    await send('/no-http', { headers: { 'X-Forwarded-For': ip } }).catch(() => undefined);
    await sleep(1300); // until it has been reported
  } finally {
    await end();
  }
  await gateway.drained();
  const { window } = (await gateway.verdict(ip)) as { window: { counts: Record<string, number> } };
  assert.equal(window.counts['errors_5xx'], 1);
});

for (const format of ['json', 'combined']) {
  test(`npm run train reads the gateway's own log in the format ${format}, less what was denied`, async () => {
    await configure({ format }, { cache: {} });
    origin.on('/page', {});
    // 20 scanners and 20 feed readers
    for (let i = 0; i < 600; i++) {
      const [path, ip, agent] =
        i % 2 === 0 ? ['/.env', '192.0.2', 'x'] : ['/page', '198.51.100', 'feed reader'];
      await send(`${path}?${i}`, {
        headers: { 'X-Forwarded-For': `${ip}.${(i >> 1) % 20}`, 'User-Agent': agent },
      });
    }
    if (format === 'json') await send('/denied', { headers: { 'X-Forwarded-For': '192.0.2.66' } });
    await sleep(1300);
    const first = readFileSync(file, 'utf8').split('\n')[0] ?? '';
    if (format === 'combined')
      assert.match(first, /^192\.0\.2\.0 - - \[.*\] "GET \/\.env\?0 HTTP\/1\.1" 404 \d+ "-" "/);
    const out = join(gateway.run, `model-${format}`);
    const args = [
      '--import',
      'tsx',
      'train/train.ts',
      '--logs',
      file,
      '--out',
      out,
      '--epochs',
      '1',
      '--force',
    ];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, new RegExp(`: ${format === 'json' ? 601 : 600} lines`));
    if (format === 'json') assert.match(stdout, /left out: 1 not counted by the gateway/);
    // clients / requests: people, polite, abuse
    assert.match(stdout, /access +0 \/ 0 +20 \/ 300 +20 \/ 300/);
    assert.ok(existsSync(join(out, 'manifest.json')));
  });
}
