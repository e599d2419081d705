/** The routes: what is counted, answered and refused. No Redis, no TensorFlow.js; one test listens on a port. */
import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { SECRET, fakeApp } from './fake_app.ts';
import { asking } from './asking.ts';

const app = await fakeApp();
after(() => app.close());
const { ask, get, post, report } = asking(app);

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
