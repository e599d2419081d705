/** The routes: what is counted, answered and refused. No Redis, no TensorFlow.js; one test listens on a port. */
import assert from 'node:assert/strict';
import { ALL_SIGNS } from '../../scorer/lease.ts';
import test, { after, before } from 'node:test';
import type { FastifyInstance, InjectOptions } from 'fastify';
import type { WireVerdict } from '../../scorer/schemas.ts';
import type { Change } from '../../scorer/store/store.ts';
import { SECRET, fakeApp } from './fake_app.ts';

let app: FastifyInstance;

before(async () => {
  app = await fakeApp();
});
after(() => app.close());

/** What answers may hold; each test looks at what it asked for. */
interface Json {
  verdicts: WireVerdict[];
  changes: Change[];
  error: { code: string; field?: string; message: string };
  window: { hits: [number, number][]; counts: Record<string, number>; distinct: Record<string, number> };
  explain: { feature: string; value: number; effect: number }[];
  score: number;
  tier: string;
  origin: string;
  requests_60s: number;
  last_report_age_s: number | null;
  generation: number;
  gateways: number;
  model: string;
  version: string;
  status: string;
  tensorflow: string;
  native_failure?: string;
  store: string;
}
let seq = 0;
async function ask(
  options: InjectOptions,
): Promise<{ status: number; json: Json; headers: Record<string, unknown> }> {
  const response = await app.inject({
    remoteAddress: '127.0.0.1',
    headers: { host: '127.0.0.1:5000' },
    ...options,
  });
  return {
    status: response.statusCode,
    json: (response.body === '' ? {} : response.json()) as Json,
    headers: response.headers,
  };
}
const post = (payload: object, more: InjectOptions = {}) =>
  ask({ method: 'POST', url: '/score_ip', payload, ...more });
const report = (clients: object[], more: object = {}) =>
  post({ sender: 'gw/1/1', seq: ++seq, held: 0, clients, ...more });
const get = (url: string, more: InjectOptions = {}) => ask({ method: 'GET', url, ...more });

test('a report counts, and is answered in its order with keys, scores, tiers and leases', async () => {
  const { status, json } = await report([
    { ip: '192.0.2.1', hits: [[0, 60]], errors_4xx: 2, paths: '8000000000000001' },
    { ip: '2001:db8:1:2:3:4:5:6', hits: [[5, 90]] },
    { ip: '::ffff:192.0.2.3' },
  ]);
  assert.equal(status, 200);
  assert.deepEqual(
    json.verdicts.map((v) => [v.ip, v.tier, v.requests_60s]),
    [
      ['192.0.2.1', 'fast', 60],
      ['2001:db8:1:2::/64', 'standard', 90],
      ['192.0.2.3', 'fast', 0],
    ],
  );
  assert.deepEqual(json.verdicts[0]?.lease, {
    hits: 21,
    errors: 22,
    signs: 22,
    harmless: ALL_SIGNS,
    ttl_ms: 60_000,
  });
  assert.equal(json.gateways, 1);
  assert.equal(json.model, 'abc');
  assert.deepEqual(json.changes, []);
});

test('an empty report is a heartbeat', async () => {
  const { status, json } = await report([]);
  assert.equal(status, 200);
  assert.deepEqual(json.verdicts, []);
});

test('a report that comes twice is answered twice and counted once', async () => {
  const clients = [{ ip: '192.0.2.10', hits: [[0, 5]] }];
  await report(clients);
  const { json } = await report(clients, { seq });
  assert.equal(json.verdicts[0]?.requests_60s, 5);
});

test('what is wrong with a report is said with a code and the field', async () => {
  const wrong: [object, string, string][] = [
    [{ sender: 'x', seq: 1, held: 0, clients: [] }, 'INVALID_BODY', 'sender'],
    [{ sender: 'a/b/c', seq: '1', held: 0, clients: [] }, 'INVALID_BODY', 'seq'],
    [{ sender: 'a/b/c', seq: 0, held: 0, clients: [] }, 'INVALID_BODY', 'seq'],
    [{ sender: 'a/b/c', seq: 1, clients: [] }, 'INVALID_BODY', 'held'],
    [{ sender: 'a/b/c', seq: 1, held: 0, clients: [], more: 1 }, 'INVALID_BODY', 'more'],
    [
      { sender: 'a/b/c', seq: 1, held: 0, clients: [{ ip: '1.2.3.4', nonsense: 1 }] },
      'INVALID_BODY',
      'clients[0].nonsense',
    ],
    [
      { sender: 'a/b/c', seq: 1, held: 0, clients: [{ ip: '1.2.3.4', hits: [[0, 0]] }] },
      'INVALID_BODY',
      'clients[0].hits[0][1]',
    ],
    [
      { sender: 'a/b/c', seq: 1, held: 0, clients: [{ ip: '1.2.3.4', tools: -1 }] },
      'INVALID_BODY',
      'clients[0].tools',
    ],
    [
      { sender: 'a/b/c', seq: 1, held: 0, clients: [{ ip: '1.2.3.4', paths: 'zz' }] },
      'INVALID_BODY',
      'clients[0].paths',
    ],
    [
      { sender: 'a/b/c', seq: 1, held: 0, clients: [{ ip: '1.2.3.4' }, { ip: '1.2.3.444' }] },
      'INVALID_ADDRESS',
      'clients[1].ip',
    ],
    [
      { sender: 'a/b/c', seq: 1, held: 0, clients: Array(513).fill({ ip: '1.2.3.4' }) },
      'INVALID_BODY',
      'clients',
    ],
  ];
  for (const [body, code, field] of wrong) {
    const { status, json } = await post(body);
    assert.deepEqual([status, json.error.code, json.error.field], [400, code, field]);
  }
});

test('an observation that the scorer does not know is refused with its name, the likely cause and the fix', async () => {
  const { status, json } = await report([{ ip: '1.2.3.4' }, { ip: '1.2.3.5', errors_499: 1 }]);
  assert.deepEqual([status, json.error.field], [400, 'clients[1].errors_499']);
  assert.match(json.error.message, /clients\[1\]\.errors_499.*different config\/observations\.json.*restart/);
  const other = await post({ sender: 'a/b/c', seq: 1, held: 0, clients: [], more: 1 });
  assert.equal(other.json.error.message, 'more: is not a known field');
});

test('what is not JSON, too large or of another type is refused', async () => {
  const headers = { host: 'localhost', 'content-type': 'application/json' };
  assert.equal((await ask({ method: 'POST', url: '/score_ip', payload: '{', headers })).status, 400);
  const large = await ask({ method: 'POST', url: '/score_ip', payload: `"${'x'.repeat(2 ** 21)}"`, headers });
  assert.deepEqual([large.status, large.json.error.code], [413, 'BODY_TOO_LARGE']);
  const text = await ask({
    method: 'POST',
    url: '/score_ip',
    payload: '{}',
    headers: { ...headers, 'content-type': 'text/plain' },
  });
  assert.deepEqual([text.status, text.json.error.code], [415, 'UNSUPPORTED_MEDIA_TYPE']);
  assert.equal((await get('/nothing')).status, 404);
});

test('looking at a client counts nothing and says what is known', async () => {
  await report([{ ip: '192.0.2.20', hits: [[2, 3]], errors_4xx: 1 }]);
  for (let i = 0; i < 3; i++) {
    const { json } = await get('/score_ip?ip=192.0.2.20');
    assert.deepEqual([json.origin, json.tier, json.requests_60s], ['fresh', 'fast', 3]);
    assert.deepEqual(json.window.counts, { errors_4xx: 1 });
    assert.ok((json.last_report_age_s ?? 9) <= 1);
  }
});

test('a client never seen is said to go to the default tier', async () => {
  const { json } = await get('/score_ip?ip=192.0.2.21');
  assert.deepEqual([json.origin, json.tier, json.last_report_age_s], ['default', 'standard', null]);
});

test('&hit=1 counts one hit, however many ask at once', async () => {
  await Promise.all(Array.from({ length: 40 }, () => get('/score_ip?ip=192.0.2.22&hit=1')));
  const { json } = await get('/score_ip?ip=192.0.2.22');
  assert.deepEqual([json.origin, json.requests_60s], ['fresh', 40]);
});

test('&explain=1 says what each feature contributes', async () => {
  await report([{ ip: '192.0.2.23', hits: [[0, 100]] }]);
  const { json } = await get('/score_ip?ip=192.0.2.23&explain=1');
  assert.equal(json.explain[0]?.feature, 'requests_60s');
  assert.equal(json.explain[0]?.value, 100);
  assert.ok(Math.abs((json.explain[0]?.effect ?? 9) - json.score) < 1e-4);
});

test('a wrong question is refused', async () => {
  for (const url of [
    '/score_ip',
    '/score_ip?ip=x.y',
    '/score_ip?ip=1.2.3.4&hit=2',
    '/score_ip?ip=1.2.3.4&more=1',
  ]) {
    assert.equal((await get(url)).status, 400, url);
  }
});

test('from another machine nothing changes anything without the secret', async () => {
  const far = { remoteAddress: '192.0.2.77', headers: { host: 'scorer:5000' } };
  const body = { sender: 'a/b/c', seq: 1, held: 0, clients: [] };
  assert.equal((await post(body, far)).status, 401);
  assert.equal((await get('/score_ip?ip=1.2.3.4&hit=1', far)).status, 401);
  assert.equal(
    (
      await ask({
        method: 'POST',
        url: '/changes',
        payload: { changes: [{ ip: '1.2.3.4', forget: true }] },
        ...far,
      })
    ).status,
    401,
  );
  assert.equal(
    (await get('/auth', { ...far, headers: { ...far.headers, 'x-forwarded-for': '1.2.3.4' } })).status,
    401,
  );
  assert.equal((await get('/score_ip?ip=1.2.3.4', far)).status, 200);
  const wrong = { ...far, headers: { ...far.headers, authorization: `Bearer ${'b'.repeat(64)}` } };
  assert.equal((await post(body, wrong)).status, 401);
  const right = { ...far, headers: { ...far.headers, authorization: `Bearer ${SECRET}` } };
  assert.equal((await post(body, right)).status, 200);
});

test('web pages are refused', async () => {
  for (const headers of [
    { host: '127.0.0.1:5000', origin: 'https://example.org' },
    { host: '127.0.0.1:5000', 'sec-fetch-site': 'cross-site' },
    { host: 'rebound.example:5000' },
  ]) {
    const { status, json } = await get('/score_ip?ip=1.2.3.4', { headers });
    assert.deepEqual([status, json.error.code], [403, 'BROWSER_REFUSED']);
  }
  for (const host of ['localhost:5000', '[::1]:5000', 'scorer:5000', '127.0.0.1']) {
    assert.equal((await get('/health', { headers: { host } })).status, 200, host);
  }
});

test('a pin is told to whoever holds an older generation, and is in force at once', async () => {
  const before = (await report([{ ip: '192.0.2.30', hits: [[0, 1]] }])).json.generation;
  const change = (changes: object[]) => ask({ method: 'POST', url: '/changes', payload: { changes } });
  const { json } = await change([
    { ip: '192.0.2.30', pin: 'slow' },
    { ip: '192.0.2.31', forget: true },
  ]);
  assert.ok(json.generation > before);
  const told = await report([{ ip: '192.0.2.30' }], { held: before });
  assert.deepEqual(told.json.changes, [
    { ip: '192.0.2.30', pin: 'slow' },
    { ip: '192.0.2.31', forget: true },
  ]);
  assert.deepEqual([told.json.verdicts[0]?.tier, told.json.verdicts[0]?.origin], ['slow', 'pinned']);
  assert.deepEqual((await report([], { held: json.generation })).json.changes, []);
  assert.deepEqual((await report([], { held: 0 })).json.changes, [{ ip: '192.0.2.30', pin: 'slow' }]);
  await change([{ ip: '192.0.2.30', pin: null }]);
  const free = await report([{ ip: '192.0.2.30', tier: 'slow' }], { held: json.generation });
  assert.deepEqual(free.json.changes, [{ ip: '192.0.2.30', pin: null }]);
  assert.equal(free.json.verdicts[0]?.tier, 'fast', 'the pin was not its own tier');
});

test('a pin to a tier that does not exist is refused', async () => {
  const { status, json } = await ask({
    method: 'POST',
    url: '/changes',
    payload: { changes: [{ ip: '1.2.3.4', pin: 'best' }] },
  });
  assert.deepEqual([status, json.error.code, json.error.field], [400, 'UNKNOWN_TIER', 'changes[0].pin']);
});

test('/health, /model and /metrics say how it is', async () => {
  const health = await get('/health');
  assert.deepEqual(
    [health.status, health.json.status, health.json.tensorflow, health.json.store],
    [200, 'ok', 'wasm', 'memory'],
  );
  assert.equal(health.json.native_failure, 'no libtensorflow.so.2');
  assert.equal((await get('/model')).json.version, 'abc');
  const metrics = (await app.inject({ url: '/metrics', headers: { host: 'localhost' } })).body;
  for (const name of [
    'hits_total',
    'batches_total',
    'clients_scored_total',
    'inference_seconds',
    'redis_seconds',
    'store',
    'gateways',
    'generation',
    'model_info',
    'batches_replayed_total',
    'batches_dropped_total',
    'verdicts_total',
  ]) {
    assert.match(metrics, new RegExp(`^scoregate_${name}`, 'm'), name);
  }
});
