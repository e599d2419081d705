import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Overrides } from '../../config/schema.ts';
import type { Pool } from '../../config/schema_pool.ts';
import { accepts } from '../../launch/ports.ts';
import { Launcher, reload } from './launcher.ts';

const PORT = 15420;
const SITE = `http://127.0.0.1:${PORT}`;
const ADMIN = `http://127.0.0.1:${PORT + 1}`;
/** A kept connection would stay with a worker that a reload has replaced. */
const CLOSE = { headers: { Connection: 'close' } };
const launcher = new Launcher(PORT);

before(async () => {
  launcher.configure({ mode: 'off' });
  launcher.start();
  await launcher.says('Scoregate is ready');
});
after(() => launcher.end());

async function servedBy(path = '/who'): Promise<{ who: string; headers: Headers }> {
  const answer = await fetch(`${SITE}${path}`, CLOSE);
  assert.equal(answer.status, 200);
  return { who: ((await answer.json()) as { served_by: string }).served_by, headers: answer.headers };
}

/** The log's lines so far; nginx writes them within a second. */
async function log(): Promise<Record<string, unknown>[]> {
  await sleep(1300);
  const lines = readFileSync(join(launcher.run, 'access.log'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('mode off serves from the default tier with neither scorer nor Redis, and says so', async () => {
  const { who, headers } = await servedBy();
  assert.equal(who, 'standard');
  assert.equal(headers.get('x-tier'), 'standard');
  assert.equal(headers.get('x-score'), null);
  const running = launcher.processes().map(([, command]) => command);
  assert.doesNotMatch(running.join('\n'), /redis-server|scorer\/server/);
  for (const port of [PORT + 2, PORT + 3]) assert.equal(await accepts('127.0.0.1', port), false);
  assert.match(launcher.output, /scoring +off +everybody goes to the tier standard/);
  assert.doesNotMatch(launcher.output, /score_ip|windows/);
});

test('a line of the log has all its fields, one for a request that nginx refuses too', async () => {
  await servedBy('/who?logged');
  await new Promise<void>((resolve) => {
    const socket = connect(PORT, '127.0.0.1', () => socket.write('nonsense\r\n\r\n'));
    socket.on('data', () => {}).on('close', () => resolve());
  });
  const lines = await log();
  const line = lines.find(({ uri }) => uri === '/who?logged');
  const { tier, score, origin, wait_ms, tier_would } = line ?? {};
  assert.deepEqual({ tier, score, origin, wait_ms, tier_would }, { tier: 'standard', score: null, origin: 'off', wait_ms: 0, tier_would: '' }); // prettier-ignore
  const refused = lines.find(({ status }) => status === 400);
  assert.deepEqual([refused?.['origin'], refused?.['score'], refused?.['wait_ms']], ['off', null, 0]);
});

test('/status and /metrics answer, and claim no counts', async () => {
  const status: unknown = await (await fetch(`${ADMIN}/status`)).json();
  assert.deepEqual(status, { mode: 'off', workers: 2 });
  const metrics = await (await fetch(`${ADMIN}/metrics`)).text();
  assert.match(metrics, /^scoregate_workers 2$/m);
  assert.doesNotMatch(metrics, /requests_total|clients/);
});

test('a reload keeps to mode off, with a pool that Lua balances, a queue and a cache', async () => {
  const usual = { weight: 1, max_connections: 50, backup: false, state: 'up' } as const;
  const backends = [4, 5].map((i) => ({ address: `127.0.0.1:${PORT + i}`, ...usual }));
  const pool: Pool = {
    balance: 'round_robin',
    backends,
    live: true,
    slow_start_s: 0,
    queue: { size: 9, wait_ms: 99 },
  };
  const paths = [{ path: '/add', cache: { enabled: true, ttl_s: 60, cookies: false } }];
  const next: Overrides = { tiers: [{ name: 'site', pool }], default_tier: 'site', paths };
  launcher.configure({ ...next, mode: 'off' });
  const done = await reload(launcher);
  assert.equal(done.status, 0, done.output);
  await sleep(500); // until the old workers listen no more
  const who: Record<string, number> = {};
  for (let i = 0; i < 20; i++) {
    const { who: name } = await servedBy();
    who[name] = (who[name] ?? 0) + 1;
  }
  assert.deepEqual(Object.values(who), [10, 10]);
  const status = (await (await fetch(`${ADMIN}/status`)).json()) as {
    pools: { requests: number; in_flight: number }[];
  };
  assert.deepEqual([status.pools[0]?.requests, status.pools[0]?.in_flight], [20, 0]);
  const kept = async (): Promise<string | null> => {
    const answer = await fetch(`${SITE}/add?a=1&b=1`, CLOSE);
    await answer.text();
    return answer.headers.get('x-cache');
  };
  assert.equal(await kept(), 'MISS');
  assert.equal(await kept(), 'HIT');

  launcher.configure({ ...next, mode: 'route' });
  const refused = await reload(launcher);
  assert.equal(refused.status, 1);
  assert.match(refused.output, /mode to or from off.*change only with a new start/);
  await servedBy();
});
