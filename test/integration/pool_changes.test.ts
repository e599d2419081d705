import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { poolStatus, type BackendStatus } from '../../launch/admin.ts';
import { root } from '../../config/paths.ts';
import { PoolStand } from '../harness/pool.ts';

const stand = new PoolStand(16680, 3);
const admin = '127.0.0.1:16681';
const two = (more = {}) => {
  const tiers = stand.tiers({ live: true, ...more });
  const { backends, ...pool } = (tiers[1]?.['pool'] ?? {}) as { backends: object[] };
  return tiers.with(1, { name: 'standard', pool: { ...pool, backends: backends.slice(0, 2) } });
};

before(() => stand.start(two(), { workers: 2 }));
after(() => stand.stop());

/** Runs one of the two programs: its exit status and what it said. */
function run(program: 'pool' | 'top', ...args: string[]): Promise<{ code: number; text: string }> {
  const command = ['launch/run.mjs', `launch/${program}.ts`, ...args, '--run', stand.gateway.run];
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: root }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), text: stdout + stderr }),
    );
  });
}

async function good(...args: string[]): Promise<string> {
  const { code, text } = await run('pool', ...args);
  assert.equal(code, 0, text);
  return text;
}

async function standard(): Promise<BackendStatus[]> {
  const tier = (await poolStatus(admin)).find((one) => one.tier === 'standard');
  assert.ok(tier);
  return tier.backends;
}

test('backends are added, weighted, drained, made ready and removed under load, and no request is lost', async () => {
  assert.deepEqual(await stand.share(20), { 0: 10, 1: 10 });
  let on = true;
  const seen: Record<string, number> = {};
  const load = Array.from({ length: 4 }, async () => {
    while (on) {
      const who = await stand.ask();
      seen[who] = (seen[who] ?? 0) + 1;
    }
  });
  await good('add', 'standard', stand.address(2), '--weight', '2');
  assert.deepEqual(
    (await standard()).map(({ weight }) => weight),
    [1, 1, 2],
  );
  await good('weight', 'standard', stand.address(2), '5');
  await good('drain', 'standard', stand.address(0));
  await sleep(300);
  assert.equal((await standard())[0]?.in_flight, 0);
  assert.equal((await standard()).find(({ backend }) => backend === stand.address(0))?.state, 'drain');
  await good('ready', 'standard', `http://${stand.address(0)}`);
  await good('remove', 'standard', stand.address(1));
  on = false;
  await Promise.all(load);
  assert.deepEqual(Object.keys(seen).sort(), ['0', '1', '2']);
  const counts = await stand.share(60);
  assert.deepEqual(counts, { 0: 10, 2: 50 });
});

test('live changes hold over a reload and over a new start', async () => {
  await stand.configure(two());
  assert.deepEqual(await stand.share(12), { 0: 2, 2: 10 });
  await stand.gateway.nginx.end('SIGTERM');
  await sleep(500);
  await stand.gateway.nginx.start();
  assert.deepEqual(await stand.share(12), { 0: 2, 2: 10 });
});

test('another pool in scoregate.yaml drops them, and that is said', async () => {
  await stand.configure(stand.tiers({ live: true }));
  assert.deepEqual(await stand.share(30), { 0: 10, 1: 10, 2: 10 });
  await stand.configure(two());
  assert.deepEqual(await stand.share(12), { 0: 6, 1: 6 });
  await stand.configure(stand.tiers({ live: true }));
  assert.match(
    stand.gateway.errors(),
    /the pool of tier standard is another one in scoregate\.yaml now: .* is dropped/,
  );
});

test('what cannot be done is refused with the reason', async () => {
  const refused = async (pattern: RegExp, ...args: string[]): Promise<void> => {
    const { code, text } = await run('pool', ...args);
    assert.ok(code > 0, text);
    assert.match(text, pattern);
  };
  await refused(
    /has no backend 127\.0\.0\.1:1; it has 127\.0\.0\.1:16695/,
    'drain',
    'standard',
    '127.0.0.1:1',
  );
  await refused(/it is there already/, 'add', 'standard', stand.address(0));
  await refused(/it is there already/, 'add', 'standard', `http://${stand.address(0)}`);
  await refused(/app is not HOST:PORT/, 'add', 'standard', 'app');
  for (const [port, key] of [
    [16680, 'listen.port'],
    [16681, 'admin'],
    [16682, 'scorer.listen'],
  ] as const) {
    const used = new RegExp(`port ${port} of this machine is already used by ${key}`);
    await refused(used, 'add', 'standard', `127.0.0.1:${port}`);
    await refused(used, 'add', 'standard', `http://localhost:${port}`);
    await refused(used, 'add', 'standard', `0.0.0.0:${port}`);
  }
  await refused(/do not speak https/, 'add', 'standard', 'https://127.0.0.1:1');
  await refused(/a whole number from 1 to 1000/, 'weight', 'standard', stand.address(0), '0');
  for (const odd of ['weight', 'weight=2&weight=3', 'weight=2x']) {
    const path = `/pool/weight?tier=standard&backend=${stand.address(0)}&${odd}`;
    assert.equal((await fetch(`http://${admin}${path}`, { method: 'POST' })).status, 400, odd);
  }
  await refused(/there is no tier nowhere/, 'drain', 'nowhere', stand.address(0));
  await refused(/nginx itself balances tier slow; write live: true/, 'drain', 'slow', '127.0.0.1:16692');
  await refused(/"dran" is not one of list, add/, 'dran', 'standard', stand.address(0));
  await refused(/Unknown option '--wait'/, 'list', '--wait');
  await good('remove', 'standard', stand.address(0));
  await good('remove', 'standard', stand.address(1));
  await refused(/it is the last one of tier standard/, 'remove', 'standard', stand.address(2));
});

test('only a program on this machine may change a pool: no web page, and nothing on the public port', async () => {
  const path = `/pool/drain?tier=standard&backend=${stand.address(2)}`;
  const page = await fetch(`http://${admin}${path}`, {
    method: 'POST',
    headers: { Origin: 'http://evil.example' },
  });
  assert.equal(page.status, 403);
  assert.equal((await fetch(`http://${admin}${path}`)).status, 405);
  // The peer counts, which is trusted here as a proxy, and not whom it speaks for: else it might say 127.0.0.1.
  const elsewhere = { 'X-Forwarded-For': '203.0.113.9' };
  assert.equal((await fetch(`http://${admin}/status`, { headers: elsewhere })).status, 200);
  await fetch(`http://127.0.0.1:16680${path}`, { method: 'POST' });
  assert.equal((await standard()).find(({ backend }) => backend === stand.address(2))?.state, 'up');
});

test('/status, list and top show requests, errors, response times and why', async () => {
  await stand.fresh(
    stand.tiers({
      ejection: { consecutive_5xx: 2, time_s: 60 },
      health: { path: '/', interval_ms: 200, timeout_ms: 200, fall: 100 },
    }),
  );
  stand.answer(0, { ms: 100 });
  stand.answer(1, { status: 500 });
  await stand.share(30, 3);
  await sleep(400);
  const [slow, bad] = await standard();
  assert.ok(slow && bad);
  assert.equal(bad.state, 'ejected');
  assert.match(bad.why ?? '', /2 answers of 500 and above in a row; for another [56]\d s/);
  assert.ok(bad.errors >= 2 && slow.requests >= 5, JSON.stringify([slow, bad]));
  const times = slow.response_ms['5m'];
  assert.ok(times && times.p99 >= 85 && times.p99 <= 150, JSON.stringify(times));
  assert.equal(slow.last_check?.ok, true);
  assert.equal(slow.last_check.status, 200);
  assert.equal(bad.last_check?.why, 'status 500');
  const list = await good('list', 'standard');
  assert.match(list, /tier standard \(round_robin\): up; \d+ requests/);
  assert.match(list, new RegExp(`${stand.address(1)} +ejected +1 +0 +\\d+ +\\d+ +\\d+ ms`));
  assert.equal((await run('top', '--once')).code, 0);
});

test('a backend of another name is refused where certificates are checked by the name of the others', async () => {
  const fast = (more: object): Record<string, unknown>[] =>
    two().with(0, {
      name: 'fast',
      pool: { live: true, backends: [{ address: 'https://a.test:1' }] },
      ...more,
    });
  await stand.configure(fast({}));
  const { code, text } = await run('pool', 'add', 'fast', 'https://b.test:1');
  assert.equal(code, 1);
  assert.match(text, /checked by one name, a\.test here, and b\.test is not that; write .* as tls_name/);
  await good('add', 'fast', 'https://a.test:2');
  await stand.configure(fast({ pool: { live: true, backends: [{ address: 'https://localhost:1' }] } }));
  await good('add', 'fast', 'https://localhost:2');
  await stand.configure(fast({ tls_name: 'app.test' }));
  await good('add', 'fast', 'https://b.test:1');
});
