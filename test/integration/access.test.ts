import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startGateway, type Gateway } from '../harness/gateway.ts';

let gateway: Gateway;
before(async () => {
  const config = {
    access: {
      deny: ['198.51.100.0/24', '2001:db8:bad::/48'],
      allow: ['198.51.100.64/26'],
      pin: { slow: ['203.0.113.0/24', '198.51.100.70'], fast: ['203.0.113.7'] },
    },
    paths: [
      { path: '/admin/', access: { default: 'deny', allow: ['192.0.2.0/24', '198.51.100.0/25'] } },
      { path: '/admin/help/' },
    ],
    // What is right is asked here, not how fast.
    scorer: { listen: '127.0.0.1:16902', wait_ms: 1000, timeout_ms: 3000 },
  };
  gateway = await startGateway({ port: 16900, config });
});
after(() => gateway.stop());

async function answer(path: string, ip: string): Promise<[number, string | null]> {
  const got = await gateway.get(path, ip);
  await got.arrayBuffer();
  return [got.status, got.headers.get('x-tier')];
}
const status = async (path: string, ip: string): Promise<number> => (await answer(path, ip))[0];

test('of the networks that an address is in, the longest prefix says what holds', async () => {
  assert.equal(await status('/', '198.51.100.9'), 403);
  assert.equal(await status('/', '198.51.100.65'), 200);
  assert.equal(await status('/', '2001:db8:bad:1::9'), 403);
  assert.equal(await status('/', '2001:db8:cafe::9'), 200);
  assert.equal(await status('/', '192.0.2.1'), 200);
});

test('a path has a list of its own, which can only close more than the site does', async () => {
  assert.equal(await status('/admin/users', '192.0.2.1'), 200);
  assert.equal(await status('/admin/users', '192.0.3.1'), 403);
  assert.equal(
    await status('/admin/users', '198.51.100.9'),
    403,
    'the site denies whom the path would allow',
  );
  assert.equal(await status('/admin/help/x', '192.0.3.1'), 200, 'the longest path counts');
  assert.equal(await status('/admin', '192.0.3.1'), 200, 'a path ends where it is written to');
  for (const other of ['//admin/users', '/x/../admin/users', '/%61dmin/users'])
    assert.equal(await status(other, '192.0.3.1'), 403, other);
});

test('a pinned network goes to its tier at once, its hits are counted, and nobody else is pinned', async () => {
  assert.deepEqual(await answer('/pinned', '203.0.113.50'), [200, 'slow']);
  assert.deepEqual(await answer('/pinned', '203.0.113.7'), [200, 'fast'], 'the longest prefix again');
  assert.deepEqual(await answer('/pinned', '198.51.100.70'), [200, 'slow'], 'a pin lets in');
  for (let i = 0; i < 450; i++) await status('/pinned', '203.0.113.7');
  await gateway.drained();
  const { tier, requests_60s } = await gateway.verdict('203.0.113.7');
  assert.deepEqual([tier, requests_60s], ['slow', 451]);
  assert.deepEqual(await answer('/pinned', '203.0.113.7'), [200, 'fast']);
  const lines = (await gateway.log()).filter((line) => line.uri === '/pinned');
  assert.deepEqual([...new Set(lines.map((line) => line.origin))], ['pinned']);
  assert.equal(Math.max(...lines.map((line) => line.wait_ms)), 0);
  assert.ok((lines.at(-1)?.score ?? 0) > 0.5, 'the log says what the score would have said');
  assert.equal((await answer('/', '203.0.114.50'))[1], 'fast');
  const text = await (await fetch(`http://127.0.0.1:${gateway.port + 1}/metrics`)).text();
  assert.match(text, /scoregate_requests_total\{tier="fast",origin="pinned"\} 452\n/);
});

test('a denied request is logged and counts nowhere, whether its client is known or not', async () => {
  const [known, unknown] = ['192.0.4.1', '198.51.100.33'];
  for (let i = 0; i < 3; i++) await status('/', known);
  await gateway.drained();
  for (let i = 0; i < 5; i++) {
    assert.equal(await status('/admin/denied', known), 403);
    assert.equal(await status('/denied', unknown), 403);
  }
  await gateway.drained();
  const seen = await gateway.verdict(known);
  assert.equal(seen['requests_60s'], 3);
  assert.deepEqual((seen['window'] as { counts: Record<string, number> }).counts['errors_4xx'] ?? 0, 0);
  assert.equal((await gateway.verdict(unknown))['requests_60s'], 0);
  const lines = (await gateway.log()).filter((line) => line.uri.endsWith('/denied'));
  assert.equal(lines.length, 10);
  assert.deepEqual([...new Set(lines.map((l) => `${l.status} ${l.origin} ${l.tier}`))], ['403 denied ']);
});

test('a 403 of a backend is an answer like any other', async () => {
  const got = await gateway.get('/forbidden', '192.0.2.77', { 'X-Demo-Status': '403' });
  assert.equal(got.status, 403);
  assert.match(await got.text(), /served_by/);
  const line = (await gateway.log()).find(({ uri }) => uri === '/forbidden');
  assert.deepEqual([line?.status, line?.origin === 'denied'], [403, false]);
});

test('lists change with a reload', async () => {
  gateway.configure({ access: { default: 'deny', allow: ['192.0.2.0/24'] }, paths: [] });
  gateway.reload();
  await sleep(1000);
  assert.equal(await status('/', '192.0.2.1'), 200);
  assert.equal(await status('/', '203.0.113.7'), 403);
});
