import assert from 'node:assert/strict';
import { get as httpGet, type IncomingHttpHeaders } from 'node:http';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { startGateway, type Gateway } from '../harness/gateway.ts';
import { Origin } from '../harness/origin.ts';

const PORT = 16980;
const origin = new Origin(PORT + 15);
const tiers = ['fast', 'standard', 'slow'].map((name) => ({ name, backends: [`127.0.0.1:${origin.port}`] }));
const scorer = { listen: `127.0.0.1:${PORT + 2}`, wait_ms: 1000, timeout_ms: 3000 };
const compression = { enabled: true, min_bytes: 500 };
const text = 'the same words again and again, '.repeat(100);

let gateway: Gateway;
before(async () => {
  await origin.start();
  gateway = await startGateway({ port: PORT, config: { tiers, scorer, compression } });
});
after(async () => {
  await gateway.stop();
  await origin.stop();
});

/** The answer as it is on the wire. */
function get(
  path: string,
  headers: Record<string, string>,
): Promise<{ headers: IncomingHttpHeaders; body: Buffer }> {
  return new Promise((resolve, reject) => {
    httpGet({ port: PORT, path, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (data: Buffer) => chunks.push(data));
      answer.on('end', () => resolve({ headers: answer.headers, body: Buffer.concat(chunks) }));
    }).on('error', reject);
  });
}
const takes = { 'Accept-Encoding': 'gzip, br' };

test('an answer of a kind and size that is worth it is compressed, for those who take it', async () => {
  origin.on('/json', { body: text, headers: { 'Content-Type': 'application/json; charset=utf-8' } });
  const packed = await get('/json', takes);
  assert.deepEqual([packed.headers['content-encoding'], packed.headers['vary']], ['gzip', 'Accept-Encoding']);
  assert.ok(packed.body.length < text.length / 5);
  assert.equal(gunzipSync(packed.body).toString(), text);
  const plain = await get('/json', {});
  assert.deepEqual(
    [plain.headers['content-encoding'], plain.headers['vary']],
    [undefined, 'Accept-Encoding'],
  );
  assert.equal(plain.body.toString(), text);
});

test('what is short, and what is of another kind, is left as it is', async () => {
  origin.on('/short', { body: 'short' });
  origin.on('/image', { body: text, headers: { 'Content-Type': 'image/png' } });
  for (const path of ['/short', '/image']) {
    const { headers } = await get(path, takes);
    assert.deepEqual([headers['content-encoding'], headers['vary']], [undefined, undefined], path);
  }
});

test('what the backend has compressed is not compressed again', async () => {
  const packed = gzipSync(text);
  origin.on('/packed', { body: packed, headers: { 'Content-Encoding': 'gzip' } });
  const answer = await get('/packed', takes);
  assert.equal(answer.headers['content-encoding'], 'gzip');
  assert.deepEqual(answer.body, packed);
});

test('an answer from the cache is compressed too, for each client as it takes it', async () => {
  gateway.configure({ cache: { enabled: true, ttl_s: 60 } });
  gateway.reload();
  await sleep(1000);
  origin.on('/kept', { body: text });
  const [first, packed, plain] = [await get('/kept', {}), await get('/kept', takes), await get('/kept', {})];
  assert.deepEqual(
    [first, packed, plain].map(({ headers }) => [headers['x-cache'], headers['content-encoding']]),
    [
      ['MISS', undefined],
      ['HIT', 'gzip'],
      ['HIT', undefined],
    ],
  );
  assert.equal(gunzipSync(packed?.body ?? '').toString(), text);
});

test('off, nothing is compressed', async () => {
  gateway.configure({ compression: {} });
  gateway.reload();
  await sleep(1000);
  const { headers } = await get('/json', takes);
  assert.deepEqual([headers['content-encoding'], headers['vary']], [undefined, undefined]);
});
