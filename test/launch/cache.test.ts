import assert from 'node:assert/strict';
import test, { after } from 'node:test';
import { Origin } from '../harness/origin.ts';
import { Launcher } from './launcher.ts';

const launcher = new Launcher(15400);
const origin = new Origin(15407);
// Long enough for a busy machine: a request that gives up waiting goes to another tier, which has its own entries.
const scorer = { listen: '127.0.0.1:15402', wait_ms: 1000, timeout_ms: 3000 };
launcher.configure({ scorer });
after(async () => {
  await launcher.end();
  await origin.stop();
});

async function get(path: string, method = 'GET'): Promise<{ cache: string | null; body: string }> {
  const answer = await fetch(`http://127.0.0.1:15400${path}`, { method });
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

test('what a request has changed is not given any more, also when all of it is killed at once thereafter', async () => {
  await launcher.killAll();
  const backends = [`127.0.0.1:${origin.port}`];
  const tiers = ['fast', 'standard', 'slow'].map((name) => ({ name, backends }));
  launcher.configure({ scorer, tiers, demo_backends: false });
  await origin.start();
  origin.on('/page', {});
  const startAndLook = async (): Promise<string[]> => {
    launcher.start('--cache-ttl', '600');
    await launcher.says('Scoregate is ready');
    const all = [await get('/page'), await get('/page')];
    return all.map(({ cache, body }) => `${cache} ${body}`);
  };
  assert.deepEqual(await startAndLook(), ['MISS /page 1', 'HIT /page 1']);
  await get('/page', 'POST');
  await launcher.killAll();
  assert.deepEqual(await startAndLook(), ['MISS /page 3', 'HIT /page 3']);
  await launcher.killAll();
  assert.deepEqual(await startAndLook(), ['HIT /page 3', 'HIT /page 3']);
});
