import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf } from '../../launch/processes.ts';
import { startGateway, type Gateway } from '../harness/gateway.ts';
import { Origin } from '../harness/origin.ts';

const PORT = 16720;
const origin = new Origin(PORT + 15);
let gateway: Gateway;

const tiers = (limit: object, name = 'standard') => [
  { name: 'fast', backends: [`127.0.0.1:${PORT + 10}`] },
  { name: 'standard', backends: [`127.0.0.1:${PORT + 15}`], ...(name === 'standard' ? { limit } : {}) },
  { name: 'slow', backends: [`127.0.0.1:${PORT + 15}`], ...(name === 'slow' ? { limit } : {}) },
];

before(async () => {
  origin.on('/', { body: 'ok' });
  origin.on('/slow', { body: 'ok', ms: 1000 });
  await origin.start();
  gateway = await startGateway({
    port: PORT,
    noScorer: true,
    config: {
      workers: 2,
      access: { pin: { standard: ['192.0.2.0/24'], slow: ['198.51.100.0/24'] } },
      tiers: tiers({ requests_per_s: 5, burst: 10 }),
    },
  });
});
after(async () => {
  await gateway.stop();
  await origin.stop();
});

/** The statuses of `n` requests at once, counted. */
async function at(n: number, ip: string, path = '/'): Promise<Record<number, number>> {
  const answers = await Promise.all(Array.from({ length: n }, () => gateway.get(path, ip)));
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  await Promise.all(answers.map((answer) => answer.arrayBuffer()));
  return counts;
}

async function configure(limit: object, name?: string): Promise<void> {
  gateway.configure({ tiers: tiers(limit, name) });
  gateway.reload();
  await sleep(1500);
}

const near = (found: number | undefined, wanted: number, by: number): void =>
  assert.ok(found !== undefined && Math.abs(found - wanted) <= by, `${found} is not about ${wanted}`);

test('a client gets its burst and then its requests per second, over all workers; others get theirs', async () => {
  const first = await at(40, '192.0.2.1');
  near(first[200], 10, 2);
  assert.equal((first[200] ?? 0) + (first[429] ?? 0), 40);
  near((await at(10, '192.0.2.2'))[200], 10, 0);
  await sleep(1000);
  near((await at(20, '192.0.2.1'))[200], 5, 2);
  assert.deepEqual(await at(40, '198.51.100.1'), { 200: 40 }, 'a tier without a limit has none');
});

test('the answer says when to come again, in words too, and then one may', async () => {
  await at(40, '192.0.2.3');
  const page = await gateway.get('/', '192.0.2.3');
  assert.equal(page.status, 429);
  assert.equal(page.headers.get('x-tier'), 'standard');
  assert.match(await page.text(), /more than this site gives one client\. Please try again in 1 second\./);
  const seconds = Number(page.headers.get('retry-after'));
  assert.equal(seconds, 1);
  await sleep(seconds * 1000);
  assert.equal((await gateway.get('/', '192.0.2.3')).status, 200);
});

test('it is counted, and its 429 is not held against the client', async () => {
  const before = await gateway.metric('scoregate_limited_total{tier="standard"}');
  const found = await at(30, '192.0.2.4');
  assert.equal(await gateway.metric('scoregate_limited_total{tier="standard"}'), before + (found[429] ?? 0));
  const status = (await (await fetch(`http://127.0.0.1:${PORT + 1}/status`)).json()) as {
    limited: Record<string, number>;
  };
  assert.equal(status.limited['standard'], before + (found[429] ?? 0));
  const lines = (await gateway.log()).filter(({ client }) => client === '192.0.2.4');
  assert.equal(lines.filter((line) => line.status === 429).length, found[429]);
});

test('no more of a client are under way than its connections, over all workers, and an end makes room', async () => {
  await configure({ connections: 3 }, 'slow');
  assert.deepEqual(await at(8, '198.51.100.1', '/slow'), { 200: 3, 429: 5 });
  assert.deepEqual(await at(3, '198.51.100.1', '/slow'), { 200: 3 });
  for (let i = 0; i < 20; i++) assert.deepEqual(await at(1, '198.51.100.1'), { 200: 1 });
});

test('clients that go away, and a worker that is killed, leave nothing counted', async () => {
  const gone = Array.from({ length: 3 }, () =>
    fetch(`http://127.0.0.1:${PORT}/slow`, {
      headers: { 'X-Forwarded-For': '198.51.100.2' },
      signal: AbortSignal.timeout(300),
    }),
  );
  await Promise.allSettled(gone);
  await sleep(200);
  assert.deepEqual(await at(3, '198.51.100.2'), { 200: 3 });

  const hanging = Promise.allSettled(Array.from({ length: 3 }, () => gateway.get('/slow', '198.51.100.3')));
  await sleep(300);
  for (const pid of childrenOf(gateway.nginx.process?.pid ?? 0)) process.kill(pid, 'SIGKILL');
  await hanging;
  await sleep(500);
  assert.deepEqual(await at(3, '198.51.100.3'), { 200: 3 });
});

test("the gateway's log says nothing of failures that it did not foresee", () => {
  assert.doesNotMatch(
    gateway.errors() + gateway.nginx.output,
    /nobody foresaw|runtime error|entry thread|failed to run|\[(?:alert|emerg)\] (?!.*exited on signal 9)/,
  );
});
