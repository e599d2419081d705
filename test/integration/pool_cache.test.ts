import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { poolStatus, type BackendStatus } from '../../launch/admin.ts';
import { until } from '../harness/gateway.ts';
import { CLIENT, PoolStand } from '../harness/pool.ts';
import { speakNoHttp } from '../harness/raw.ts';

const PORT = 16760;
const stand = new PoolStand(PORT, 2);

before(() =>
  stand.start(
    stand.tiers({ balance: 'least_connections', queue: { wait_ms: 500 } }, () => ({ max_connections: 8 })),
    {
      workers: 2,
      cache: { enabled: true, ttl_s: 30, stale: 'updating' },
    },
  ),
);
after(() => stand.stop());

const fromClient = { headers: { 'X-Forwarded-For': CLIENT } };

async function standard(): Promise<BackendStatus[]> {
  const tier = (await poolStatus(`127.0.0.1:${PORT + 1}`)).find(({ tier }) => tier === 'standard');
  return tier?.backends ?? [];
}

const asked = (path: string): number => stand.origins.reduce((sum, origin) => sum + origin.count(path), 0);

function on(path: string, ms: number, seconds: number): void {
  const headers = { 'Cache-Control': `max-age=${seconds}` };
  for (const origin of stand.origins) origin.on(path, { body: path, ms, headers });
}

async function cache(path: string): Promise<string | null> {
  const answer = await stand.gateway.get(path, CLIENT);
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), path);
  return answer.headers.get('x-cache');
}

test('one request fills an entry while others wait, whoever balances', async () => {
  on('/one', 200, 60);
  const all = await Promise.all(Array.from({ length: 12 }, () => cache('/one')));
  assert.equal(all.filter((text) => text === 'HIT').length, 11);
  assert.equal(asked('/one'), 1);
});

test('a backend that speaks something else than HTTP is out like one that fails', async () => {
  const [first] = stand.origins;
  assert.ok(first);
  await first.stop();
  const end = await speakNoHttp(first.port);
  try {
    for (let i = 0; i < 8; i++)
      await fetch(`http://127.0.0.1:${PORT}/other/${i}`, fromClient).catch(() => null);
    const [backend] = await standard();
    assert.equal(backend?.state, 'ejected');
    assert.match(backend.why ?? '', /^its answer was no HTTP; for another/);
  } finally {
    await end();
    await first.start();
    await sleep(5000); // it is back
  }
});

test('an entry that is too old is served while it is fetched anew, and while all backends are gone', async () => {
  on('/old', 0, 1);
  assert.equal(await cache('/old'), 'MISS');
  await sleep(2200);
  assert.equal(await cache('/old'), 'STALE');
  await until(async () => (await cache('/old')) === 'HIT', 1000, 'it is not fetched anew');
  await Promise.all(stand.origins.map((origin) => origin.stop()));
  await sleep(2200);
  for (let i = 0; i < 10; i++) assert.match((await cache('/old')) ?? '', /STALE|UPDATING/);
  await Promise.all(stand.origins.map((origin) => origin.start()));
});

test('nothing stays counted as under way', async () => {
  await sleep(300);
  assert.deepEqual(
    (await standard()).map(({ in_flight }) => in_flight),
    [0, 0],
  );
  assert.doesNotMatch(
    stand.gateway.errors() + stand.gateway.nginx.output,
    /nobody foresaw|runtime error|entry thread|failed to run|\[(?:alert|emerg)\]/,
  );
});
