import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../harness/gateway.ts';
import { poolStatus } from '../../launch/admin.ts';
import { poolTables } from '../../launch/pool_table.ts';
import { CLIENT, PoolStand } from '../harness/pool.ts';

const stand = new PoolStand(16600, 3);
const only =
  (...chosen: number[]) =>
  (i: number) =>
    chosen.includes(i) ? {} : { state: 'maintenance' };

before(() => stand.start(stand.tiers({ live: true }), { workers: 2 }));
after(() => stand.stop());

test('round robin is exact over all workers', async () => {
  await stand.configure(stand.tiers({ live: true }, only(0, 1)));
  assert.deepEqual(await stand.share(1000, 20), { 0: 500, 1: 500 });
});

test('weights are shares', async () => {
  await stand.configure(stand.tiers({ live: true }, (i) => ({ weight: i + 1 })));
  const counts = await stand.share(600, 10);
  [100, 200, 300].forEach((n, i) => assert.ok(Math.abs((counts[i] ?? 0) - n) <= 3, JSON.stringify(counts)));
});

for (const [who, live] of [
  ['nginx', false],
  ['Lua', true],
] as const) {
  test(`least connections leaves the slow one to itself, counting over all workers; ${who} balances`, async () => {
    await stand.configure(stand.tiers({ balance: 'least_connections', live }));
    assert.equal(/^\s*least_conn;/m.test(readFileSync(join(stand.gateway.run, 'nginx.conf'), 'utf8')), !live);
    stand.answer(0, { ms: 300 });
    const counts = await stand.share(600, 12);
    assert.ok((counts[0] ?? 0) < 60 && (counts[1] ?? 0) > 200, JSON.stringify(counts));

    // One request hangs, wherever it came in; of twenty more, on connections of their own, none goes there.
    stand.answer(0, { ms: 2000 });
    const [slow] = stand.origins;
    const three = [stand.ask(), stand.ask(), stand.ask()];
    await until(() => slow?.count('/') === 1, 1000, 'none of three goes to the slow one');
    const close = { headers: { Connection: 'close' } };
    assert.equal((await stand.share(20, 1, close))[0], undefined);
    assert.deepEqual((await Promise.all(three)).sort(), ['0', '1', '2']);
    stand.answer(0, {});
  });
}

test('ewma leaves the slow one', async () => {
  await stand.configure(stand.tiers({ balance: 'ewma' }));
  stand.answer(0, { ms: 100 });
  const counts = await stand.share(600, 4);
  assert.ok((counts[0] ?? 0) < 60, JSON.stringify(counts));
  stand.answer(0, {});
});

test('hash keeps a client at its backend, and moves only those of a backend that goes', async () => {
  const pool = { balance: 'hash' };
  await stand.configure(stand.tiers(pool));
  const clients = Array.from({ length: 60 }, (_, i) => `192.0.2.${i + 1}`);
  const all = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const client of clients) found.push(await stand.ask({}, client));
    return found;
  };
  const first = await all();
  assert.deepEqual(await all(), first);
  assert.deepEqual([...new Set(first)].sort(), ['0', '1', '2']);
  await stand.configure(stand.tiers(pool, only(0, 2)));
  const second = await all();
  first.forEach((who, i) => assert.ok(who === '1' ? second[i] !== '1' : second[i] === who));
});

test('a backup is used while no other backend can be, and other tiers only after that', async () => {
  await stand.configure(stand.tiers({ live: true }, (i) => ({ backup: i === 2 })));
  assert.deepEqual(await stand.share(20), { 0: 10, 1: 10 });
  await stand.configure(
    stand.tiers({ live: true }, (i) => (i === 2 ? { backup: true } : { state: 'drain' })),
  );
  assert.deepEqual(await stand.share(10), { 2: 10 });
  await stand.configure(stand.tiers({ live: true }, only()));
  assert.deepEqual(await stand.share(10), { slow: 10 });
  await stand.configure(stand.tiers({ live: true, fallback: 'fast' }, only()));
  assert.deepEqual(await stand.share(10), { fast: 10 });
});

test('a backend gets no more requests at a time than its max_connections; what it has under way stays right when a worker is killed', async () => {
  await stand.configure(
    stand.tiers({ live: true }, (i) => (i === 0 ? { max_connections: 2 } : { state: 'drain' })),
  );
  stand.answer(0, { ms: 200 });
  const [first] = stand.origins;
  assert.ok(first);
  first.most = 0;
  const counts = await stand.share(40, 8);
  assert.equal(first.most, 2);
  assert.ok((counts[0] ?? 0) >= 2 && (counts['slow'] ?? 0) > 0, JSON.stringify(counts));

  stand.answer(0, { ms: 1500 });
  const hanging = Promise.allSettled([stand.ask(), stand.ask()]);
  await sleep(200);
  for (const pid of stand.workers()) process.kill(pid, 'SIGKILL');
  await hanging;
  stand.answer(0, {});
  await sleep(1500);
  assert.deepEqual(await stand.share(10), { 0: 10 });
});

test('requests wait in line for a backend that is full, and get 503 when that takes too long', async () => {
  const pool = { queue: { size: 10, wait_ms: 1000 } };
  await stand.configure(stand.tiers(pool, (i) => (i === 0 ? { max_connections: 2 } : { state: 'drain' })));
  const [first] = stand.origins;
  assert.ok(first);
  first.most = 0;
  stand.answer(0, { ms: 50 });
  assert.deepEqual(await stand.share(30, 10), { 0: 30 });
  assert.equal(first.most, 2);
  stand.answer(0, { ms: 1600 });
  const counts = await stand.share(8, 8);
  assert.deepEqual(counts, { 0: 2, 503: 6 });
  const status = await poolStatus(`127.0.0.1:${stand.port + 1}`);
  assert.match(poolTables(status), /tier standard .*, 0 unserved, \d+ queued, 6 refused by the queue$/m);
  stand.answer(0, {});
  assert.deepEqual(await stand.share(10, 2), { 0: 10 });
});

test('who waits in line, or has a backend from there, has sent its whole request', async () => {
  const pool = { queue: { size: 10, wait_ms: 500 } };
  await stand.configure(stand.tiers(pool, (i) => (i === 0 ? { max_connections: 1 } : { state: 'drain' })));
  const socket = connect(stand.port, '127.0.0.1');
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString()));
  socket.write(
    `POST / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${CLIENT}\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab`,
  );
  await sleep(200);
  assert.deepEqual(await stand.share(4), { 0: 4 });
  socket.write('cd');
  await until(
    () => /^HTTP\/1\.1 200 [^]*\r\n\r\n0$/.test(answer),
    1000,
    () => `the slow one got ${answer}`,
  );
  assert.deepEqual(await stand.share(4, 1, { method: 'POST', body: 'x'.repeat(300_000) }), { 0: 4 });
});
