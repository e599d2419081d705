import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { alive, Launcher } from './launcher.ts';

const launcher = new Launcher(15400);
after(() => launcher.end());

async function get(path: string): Promise<{ cache: string | null; body: string }> {
  const answer = await fetch(`http://127.0.0.1:15400${path}`);
  return { cache: answer.headers.get('x-cache'), body: await answer.text() };
}

test('entries of --cache-ttl survive that every process of the gateway is killed at once', async () => {
  launcher.start('--cache-ttl', '600');
  await launcher.says('Scoregate is ready');
  const before = [await get('/add?a=1&b=1'), await get('/add?a=1&b=1')];
  assert.deepEqual(
    before.map(({ cache }) => cache),
    ['MISS', 'HIT'],
  );
  const all = launcher.processes();
  assert.ok(all.length > 5);
  for (const pid of [launcher.child?.pid ?? 0, ...all.map(([pid]) => pid)]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // it went with its parent
    }
  }
  assert.equal(await launcher.exit(), 'SIGKILL');
  for (const ends = Date.now() + 5000; alive(all).length > 0 && Date.now() < ends;) await sleep(50);
  assert.deepEqual(alive(all), []);

  launcher.start('--cache-ttl', '600');
  await launcher.says('Scoregate is ready');
  const kept = await get('/add?a=1&b=1');
  assert.deepEqual([kept.cache, kept.body], ['HIT', before[0]?.body]);
  assert.equal((await get('/add?a=1&b=2')).cache, 'MISS');
});

test('a reload keeps the option, and the entries', async () => {
  process.kill(launcher.child?.pid ?? 0, 'SIGHUP');
  await launcher.says('new configuration in force');
  assert.equal((await get('/add?a=1&b=1')).cache, 'HIT');
});
