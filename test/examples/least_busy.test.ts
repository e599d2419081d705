import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { root } from '../../config/paths.ts';
import { Part, until } from '../harness/gateway.ts';
import { load } from '../harness/load.ts';
import { Example } from './example.ts';

const example = new Example('least-busy', 17060);
before(() => example.start());
after(() => example.end());

const up = async (backends: number): Promise<void> =>
  until(
    async () => (await example.pool()).backends.filter(({ state }) => state === 'up').length === backends,
    15_000,
    `there are not ${backends} instances up`,
  );

test('only allowed addresses get in, whatever they say', async () => {
  assert.equal((await example.get('/who')).status, 200);
  assert.equal((await example.get('/who', { from: '127.0.0.2' })).status, 403);
  const headers = { 'X-Forwarded-For': '10.0.0.1' };
  assert.equal((await example.get('/who', { from: '127.0.0.2', headers })).status, 403);
});

test('instances listen on loopback only', () => {
  const listening = ['tcp', 'tcp6'].flatMap((kind) =>
    readFileSync(`/proc/net/${kind}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A')
      .map((fields) => (fields[1] ?? '').split(':')),
  );
  for (const port of [8081, 8082]) {
    const at = listening.filter(([, hex]) => parseInt(hex ?? '', 16) === example.at(port));
    assert.deepEqual(
      at.map(([address]) => address),
      ['0100007F'],
    );
  }
});

test('requests go to the instance with the least to do: a slow one gets few', async () => {
  await example.control(8082, { delay_ms: 300 });
  const counts = await example.share(400, 10, () => '/who');
  await example.control(8082, {});
  assert.ok((counts['site-2'] ?? 0) < 80, JSON.stringify(counts));
  assert.ok((counts['site-2'] ?? 0) > 0, JSON.stringify(counts));
});

test('both are checked all the time', async () => {
  for (const { last_check } of (await example.pool()).backends) {
    assert.ok(last_check && last_check.ok && last_check.ago_s <= 2, JSON.stringify(last_check));
  }
});

test('no request fails when either instance is killed, is ill or answers errors', async () => {
  let [on, sent] = [true, 0];
  const failed: Record<string, number>[] = [];
  const loading = (async () => {
    while (on) {
      const result = await load({
        port: example.at(8080),
        rate: 100,
        seconds: 1,
        request: () => ({ path: '/who' }),
      });
      sent += result.sent;
      if (Object.keys(result.failed).length > 0) failed.push(result.failed);
    }
  })();
  for (const name of ['site-1', 'site-2']) {
    process.kill(example.launcher.process(new RegExp(`--name ${name}`)), 'SIGKILL');
    await example.launcher.says(`backend ${name} is back`);
    await up(2);
  }
  await example.control(8081, { health: 'failing' });
  await up(1);
  await example.control(8081, { status: 500 });
  await sleep(1000);
  await example.control(8081, {});
  on = false;
  await loading;
  assert.deepEqual(failed, []);
  assert.ok(sent >= 300, `${sent}`);
  await up(2);
});

test('a third instance is added while all runs, and gets its share', async () => {
  const port = example.at(8083);
  const node = [process.execPath, '--import', 'tsx', 'backends/server.ts'];
  const third = new Part('site-3', [...node, '--port', String(port), '--name', 'site-3'], port);
  await third.start();
  const pool = ['launch/run.mjs', 'launch/pool.ts', '--run', example.launcher.run];
  const args = [...pool, 'add', 'site', `127.0.0.1:${port}`];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  assert.match(stdout, /tier site: add 127\.0\.0\.1:\d+: done/);
  await up(3);
  const counts = await example.share(300, 9, () => '/who');
  await third.end();
  assert.deepEqual(Object.keys(counts).sort(), ['site-1', 'site-2', 'site-3']);
  assert.ok(
    Object.values(counts).every((n) => n >= 30),
    JSON.stringify(counts),
  );
});
