import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { Launcher } from './launcher.ts';

const launcher = new Launcher(15400);
// Long enough for a busy machine: a request that gives up waiting goes to another tier, which has its own entries.
launcher.configure({ scorer: { listen: '127.0.0.1:15402', wait_ms: 1000, timeout_ms: 3000 } });
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
  assert.ok(launcher.processes().length > 5);
  await launcher.killAll();

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
