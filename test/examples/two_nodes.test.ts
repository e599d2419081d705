import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { Example } from './example.ts';

const example = new Example('two-nodes', 17000);
before(() => example.start());
after(() => example.end());

test('sums and differences, each with the node that computed it', async () => {
  const sum = await example.get('/add?a=0.1&b=0.2');
  const difference = await example.get('/subtract?a=10&b=2.5');
  assert.deepEqual([sum.json['result'], difference.json['result']], [0.3, 7.5]);
  assert.deepEqual([sum.json['served_by'], difference.json['served_by']].sort(), ['node-1', 'node-2']);
});

test('of 1,000 requests each node gets 500, and /status shows load and response times', async () => {
  const before = await example.pool();
  const counts = await example.share(1000, 20, (k) => `/add?a=${k}&b=1`);
  assert.deepEqual(Object.keys(counts).sort(), ['node-1', 'node-2']);
  for (const n of Object.values(counts)) assert.ok(Math.abs(n - 500) <= 1, JSON.stringify(counts));

  const { backends } = await example.pool();
  backends.forEach((backend, i) => {
    const n = backend.requests - (before.backends[i]?.requests ?? 0);
    assert.ok(Math.abs(n - 500) <= 1, `${backend.backend}: ${n}`);
    const times = backend.response_ms['1m'];
    assert.ok(times && times.n >= 500 && times.p50 > 0 && times.p50 <= times.p99, JSON.stringify(times));
    assert.deepEqual([backend.state, backend.in_flight, backend.errors], ['up', 0, 0]);
  });
});

test('/status shows what a node has under way', async () => {
  await example.control(8081, { delay_ms: 800 });
  const slow = Promise.all([1, 2, 3, 4].map((k) => example.get(`/add?a=${k}&b=1`)));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const [first] = (await example.pool()).backends;
  assert.equal(first?.in_flight, 2);
  assert.deepEqual(
    (await slow).map(({ status }) => status),
    [200, 200, 200, 200],
  );
});

test('nobody waits for a verdict where there is one tier; clients are scored all the same', async () => {
  const scored = (await (
    await fetch(`http://127.0.0.1:${example.at(5000)}/score_ip?ip=127.0.0.1`)
  ).json()) as { score: number; tier: string; requests_60s: number };
  assert.ok(scored.requests_60s >= 1000, JSON.stringify(scored));
  assert.equal(scored.tier, 'node');
  assert.ok(scored.score > 0.5);
  await example.launcher.says('"origin":"', 1000);
  for (const line of example.log('access.log')) {
    assert.deepEqual([line['tier'], line['wait_ms'], line['status']], ['node', 0, 200]);
  }
});
