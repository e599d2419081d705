import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import test, { after, before } from 'node:test';
import { load } from '../harness/load.ts';
import { startGateway, type Gateway } from '../harness/gateway.ts';

let gateway: Gateway;
before(async () => {
  // What is right is asked here, not how fast: a busy machine's pauses must not make a wait run out (chaos.test.ts
  // and flood.test.ts are about the waits).
  const scorer = { listen: '127.0.0.1:16002', wait_ms: 1000, timeout_ms: 3000 };
  gateway = await startGateway({ port: 16000, config: { scorer } });
});
after(() => gateway.stop());

/** Sends `n` requests of one client, one after the other, and returns their tiers in order. */
async function requests(n: number, ip: string, headers: Record<string, string> = {}): Promise<string[]> {
  const tiers: string[] = [];
  for (let i = 0; i < n; i++) {
    const answer = await gateway.get('/', ip, headers);
    await answer.arrayBuffer();
    tiers.push(answer.headers.get('x-tier') ?? 'none');
  }
  return tiers;
}

test('a first request is scored before it is routed', async () => {
  assert.deepEqual(await requests(1, '198.51.100.1'), ['fast']);
});

test('a flood is moved to the slow tier and stays there, at the request that crosses the line', async () => {
  const ip = '198.51.100.2';
  const tiers = await requests(600, ip);
  const crossed = tiers.indexOf('slow');
  assert.ok(crossed > 0, `never slow: ${[...new Set(tiers)].join()}`);
  assert.ok(tiers.slice(crossed).every((tier) => tier === 'slow'));
  await gateway.drained();
  const verdict = await gateway.verdict(ip);
  assert.equal(verdict['requests_60s'], 600);
  assert.equal(verdict['tier'], 'slow');
  // the model itself, asked hit by hit, puts the line at the same request
  const other = '198.51.100.3';
  let exact = 0;
  for (let n = 1; exact === 0 && n <= 600; n++) {
    const looked = await gateway.verdict(other, '&hit=1');
    if (looked['tier'] === 'slow') exact = n;
  }
  assert.equal(crossed + 1, exact);
});

test('the other clients of the same time stay where they are', async () => {
  const tiers = await requests(20, '198.51.100.4');
  assert.deepEqual([...new Set(tiers)], ['fast']);
});

test('a forged X-Forwarded-For changes nothing when the peer is not trusted', async () => {
  gateway.configure({ trusted_proxies: ['192.0.2.1/32'] });
  gateway.reload();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  for (let i = 0; i < 100; i++) await (await gateway.get('/forged', `198.51.100.${100 + i}`)).arrayBuffer();
  const lines = (await gateway.log()).filter((line) => line.uri === '/forged');
  assert.equal(lines.length, 100);
  assert.deepEqual([...new Set(lines.map((line) => line.client))], ['127.0.0.1']);
  const warnings = gateway.errors().match(/sends X-Forwarded-For for many clients/g) ?? [];
  assert.equal(warnings.length, 1);
  assert.match(gateway.errors(), /trusted_proxies: \["127\.0\.0\.1"\]/);
  gateway.configure({});
  gateway.reload();
  await new Promise((resolve) => setTimeout(resolve, 1000));
});

test('what the response adds is counted too, and a client that gathers errors is asked about again', async () => {
  const ip = '203.0.113.100';
  for (let i = 0; i < 5; i++) await (await gateway.get('/no', ip, { 'X-Demo-Status': '404' })).arrayBuffer();
  await gateway.drained();
  const { counts, distinct } = (await gateway.verdict(ip))['window'] as Record<
    string,
    Record<string, number>
  >;
  assert.equal(counts?.['errors_4xx'], 5);
  assert.equal(Math.round(distinct?.['missing_paths'] ?? 0), 1);
});

test('a request that nginx itself refuses has a sound line in the log', async () => {
  const socket = connect(gateway.port, '127.0.0.1', () => socket.end('nonsense\r\n\r\n'));
  await once(socket.resume(), 'close');
  const line = (await gateway.log()).at(-1); // every line is read as JSON
  assert.deepEqual([line?.status, line?.score, line?.wait_ms, line?.tier], [400, null, 0, '']);
});

test('every request has an id of its own', async () => {
  const ids = (await gateway.log()).map((line) => line.request_id);
  assert.ok(ids.length > 600);
  assert.equal(new Set(ids).size, ids.length);
});

test('IPv6 clients of one /64 are one client', async () => {
  await requests(3, '2001:db8:7:7::1');
  await requests(4, '2001:db8:7:7:ffff::2');
  await gateway.drained();
  assert.equal((await gateway.verdict('2001:db8:7:7::9'))['requests_60s'], 7);
});

test('in observe mode everybody goes to the default tier and the log says where they would have gone', async () => {
  gateway.configure({ mode: 'observe' });
  gateway.reload();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await requests(5, '198.51.100.2', { 'X-Mark': 'observe' });
  const lines = (await gateway.log()).slice(-5);
  assert.deepEqual([...new Set(lines.map((line) => line.tier))], ['standard']);
  assert.deepEqual([...new Set(lines.map((line) => line.tier_would))], ['slow']);
  gateway.configure({});
  gateway.reload();
  await new Promise((resolve) => setTimeout(resolve, 1000));
});

test('a reload with fewer tiers keeps those verdicts whose tier still has its name', async () => {
  const ip = '198.51.100.2'; // slow since its flood
  assert.deepEqual(await requests(1, ip), ['slow']);
  await requests(1, '198.51.100.77');
  const backends = [10, 12].map((offset) => [`127.0.0.1:${gateway.port + offset}`]);
  gateway.configure({
    tiers: [
      { name: 'fast', backends: backends[0] },
      { name: 'slow', backends: backends[1] },
    ],
    default_tier: 'fast',
    hysteresis: { hold_s: [120] },
  });
  gateway.reload();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const answers = [await gateway.get('/', ip), await gateway.get('/', '198.51.100.77')];
  assert.deepEqual(
    answers.map((answer) => [answer.status, answer.headers.get('x-tier')]),
    [
      [200, 'slow'],
      [200, 'fast'],
    ],
  );
  gateway.configure({});
  gateway.reload();
  await new Promise((resolve) => setTimeout(resolve, 1000));
});

test('counts are exact under load: what the scorer counted equals what was sent', async () => {
  await gateway.drained();
  const before = await gateway.metric('scoregate_hits_total', 'scorer');
  const result = await load({
    port: gateway.port,
    rate: 2000,
    seconds: 4,
    request: (k) => ({ path: '/', headers: { 'X-Forwarded-For': `10.1.${(k >> 8) & 3}.${k & 255}` } }),
  });
  assert.deepEqual(result.failed, {});
  await gateway.drained();
  const after = await gateway.metric('scoregate_hits_total', 'scorer');
  assert.equal(after - before, result.sent);
});
