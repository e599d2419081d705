import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { setTimeout as sleep } from 'node:timers/promises';
import { Certificates } from '../harness/certificates.ts';
import { load } from '../harness/load.ts';
import { Origin } from '../harness/origin.ts';
import { Example } from './example.ts';

const example = new Example('replicas', 17040);
const options = ['--cache-ttl', '600', '--tls-dev'];
const made = new Certificates();
before(() => example.start(...options));
after(async () => {
  await example.end();
  made.remove();
});

test('concurrent HTTP/1.1 clients are spread evenly over three replicas', async () => {
  const counts = await example.share(600, 50, (k) => `/add?a=${k}&b=0`);
  assert.deepEqual(Object.keys(counts).sort(), ['replica-1', 'replica-2', 'replica-3']);
  for (const n of Object.values(counts)) assert.ok(Math.abs(n - 200) <= 1, JSON.stringify(counts));
});

test('request and response are in the log, on standard output and in the file', async () => {
  const answer = await example.get('/subtract?a=5&b=3', { headers: { 'User-Agent': 'example' } });
  const uri = '"uri":"/subtract?a=5&b=3"';
  await example.launcher.says(uri);
  const line = example.log('access.log').find((one) => one['uri'] === '/subtract?a=5&b=3');
  assert.deepEqual(
    [line?.['status'], line?.['user_agent'], line?.['protocol']],
    [200, 'example', 'HTTP/1.1'],
  );
  assert.equal(line?.['response_body'], answer.text);
  const of = (key: string): Record<string, string> => line?.[key] as Record<string, string>;
  assert.equal(of('request_headers')['user-agent'], 'example');
  assert.equal(of('response_headers')['x-served-by'], answer.headers['x-served-by']);
});

test('text is compressed for clients that take it', async () => {
  const plain = await example.get('/');
  const agent = { 'Accept-Encoding': 'gzip' };
  const small = await new Promise<Buffer>((resolve, reject) => {
    request(`https://localhost:${example.at(8443)}/`, { ...trusting(), headers: agent }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => resolve(Buffer.concat(parts)));
      assert.deepEqual([answer.statusCode, answer.headers['content-encoding']], [200, 'gzip']);
    })
      .on('error', reject)
      .end();
  });
  assert.ok(small.length < plain.text.length / 2, `${small.length} of ${plain.text.length}`);
  assert.match(gunzipSync(small).toString(), /<!doctype html>/i);
});

const trusting = () => ({
  ca: readFileSync(join(example.launcher.run, 'tls/dev.pem')),
  family: 4,
  agent: false as const,
});

test('no request fails while a replica is killed, one that is broken is left out', async () => {
  const late: string[] = [];
  const started = Date.now();
  const loading = load({
    port: example.at(8080),
    rate: 100,
    seconds: 3,
    request: () => ({ path: '/who' }), // never kept in the cache
    onAnswer: (_, { headers }) => {
      if (Date.now() - started > 2000) late.push(String(headers['x-served-by']));
    },
  });
  await sleep(300);
  process.kill(example.launcher.process(/--name replica-2/), 'SIGKILL');
  await example.control(8083, { status: 500, health: 'failing' });
  const { sent, answered, failed } = await loading;
  assert.deepEqual([sent, answered, failed], [300, 300, {}]);
  assert.ok(late.length > 0 && !late.includes('replica-3'), late.join(' '));
  assert.ok((await example.pool()).backends.some(({ why }) => why?.includes('503')));
  await example.control(8083, {});
  await example.launcher.says('backend replica-2 is back');
});

test('what the cache keeps survives that every process is killed', async () => {
  const path = '/add?a=1&b=1000';
  const [first, second] = [await example.get(path), await example.get(path)];
  assert.deepEqual([first.headers['x-cache'], second.headers['x-cache']], ['MISS', 'HIT']);
  await example.launcher.killAll();
  await example.start(...options);
  const kept = await example.get(path);
  assert.deepEqual([kept.headers['x-cache'], kept.text], ['HIT', first.text]);
});

test('replicas that speak TLS are spoken to over TLS, if their certificate is good', async () => {
  const authority = made.make('authority', []);
  const good = made.make('replica', ['DNS:replica.internal'], authority);
  const origins = [good, good, made.make('stranger', ['DNS:replica.internal'])].map(
    (certificate, i) => new Origin(example.at(8085 + i), certificate),
  );
  for (const [i, origin] of origins.entries()) {
    origin.on('/', { body: String(i) });
    await origin.start();
  }
  const backends = origins.map(({ port }) => `https://127.0.0.1:${port}`);
  const tiers = [{ name: 'replica', backends, tls_name: 'replica.internal' }];
  example.configure({ tiers, demo_backends: false, backend_tls: { ca: authority.certificate } });
  process.kill(example.launcher.child?.pid ?? 0, 'SIGHUP');
  await example.launcher.says('new configuration in force');
  await sleep(500); // an old worker may take a last connection
  const counts: Record<string, number> = {};
  for (let k = 0; k < 20; k++) {
    const { status, text } = await example.get(`/?${k}`); // the cache has none of them
    assert.equal(status, 200);
    counts[text] = (counts[text] ?? 0) + 1;
  }
  await Promise.all(origins.map((origin) => origin.stop()));
  assert.ok((counts['0'] ?? 0) >= 5 && (counts['1'] ?? 0) >= 5, JSON.stringify(counts));
  assert.equal(counts['2'], undefined);
  const errors = readFileSync(join(example.launcher.run, 'error.log'), 'utf8');
  assert.match(errors, /upstream SSL certificate verify error: \(18:self-signed certificate\)/);
});
