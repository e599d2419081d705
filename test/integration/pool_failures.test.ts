import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { poolStatus } from '../../launch/admin.ts';
import { until } from '../harness/gateway.ts';
import { PoolStand } from '../harness/pool.ts';
import { speakNoHttp } from '../harness/raw.ts';

const stand = new PoolStand(16640, 3);
const { origins } = stand;
const health = { path: '/health', interval_ms: 200, timeout_ms: 150, rise: 2, fall: 2 };

before(() => stand.start(stand.tiers({ live: true }), { workers: 2 }));
after(() => stand.stop());

const good = (i: number): void => {
  stand.answer(i, {});
  origins[i]?.on('/health', { body: 'fine' });
};
const everybodyGood = (): void => origins.forEach((_, i) => good(i));
const leaves = (who: string, ms: number): Promise<void> =>
  until(async () => !(await stand.share(12))[who], ms, `requests still go to ${who}`);

test('a backend that is gone costs nobody a request, and after two failures none is sent to it', async () => {
  await stand.fresh(stand.tiers({ live: true, ejection: { time_s: 1 } }));
  await origins[1]?.stop();
  const counts = await stand.share(60, 6);
  assert.deepEqual(Object.keys(counts), ['0', '2']);
  assert.match(stand.gateway.errors(), /backend 127\.0\.0\.1:16656 is out for 1 s: no connection/);
  await origins[1]?.start();
  await sleep(2500);
  const again = await stand.share(60, 6);
  assert.ok((again[1] ?? 0) >= 15, JSON.stringify(again));
});

test('a backend that speaks something else than HTTP is out', async () => {
  await stand.fresh(stand.tiers({ live: true, ejection: { time_s: 1 } }));
  await origins[1]?.stop();
  const end = await speakNoHttp(16656);
  for (let i = 0; i < 12; i++) await stand.ask().catch(() => undefined);
  await end();
  await origins[1]?.start();
  assert.match(stand.gateway.errors(), /backend 127\.0\.0\.1:16656 is out for 1 s: its answer was no HTTP/);
  await sleep(1500);
});

test('a backend that answers 500 is left within a second of requests, and GETs are retried elsewhere', async () => {
  await stand.fresh(
    stand.tiers({ ejection: { consecutive_5xx: 3 }, retries: { statuses: [500], tries: 2 } }),
  );
  stand.answer(0, { status: 500 });
  const counts = await stand.share(60);
  assert.equal(counts[500], undefined, JSON.stringify(counts));
  assert.equal(origins[0]?.count('/'), 3);
  everybodyGood();
});

test('what came of a second try is not taken for what came of the first: a failed connection is always retried', async () => {
  const ejection = { errors: 0, consecutive_5xx: 0 };
  await stand.fresh(stand.tiers({ live: true, ejection, retries: { statuses: [500], tries: 2 } }));
  stand.answer(0, { status: 500 });
  await origins[1]?.stop();
  try {
    assert.deepEqual(await stand.share(12), { 2: 12 });
  } finally {
    await origins[1]?.start();
    everybodyGood();
  }
});

test('a silent backend is given up for another after the time for a try, by what may be repeated', async () => {
  const retries = { timeout_ms: 200, tries: 2 };
  const pool = { ejection: { errors: 0 }, retries };
  await stand.fresh(stand.tiers(pool, (i) => (i < 2 ? {} : { state: 'drain' })));
  stand.answer(0, { ms: 1000 });
  assert.deepEqual(await stand.share(10, 5), { 1: 10 });
  assert.ok((origins[0]?.count('/') ?? 0) >= 4, 'the silent one was asked too');
  const post = await stand.share(10, 5, { method: 'POST', body: 'x' });
  assert.ok((post[0] ?? 0) >= 4, `a POST waits for its answer: ${JSON.stringify(post)}`);
  const stream = await stand.share(10, 5, { headers: { Accept: 'text/event-stream' } });
  assert.ok((stream[0] ?? 0) >= 4, `a stream may be silent: ${JSON.stringify(stream)}`);
  stand.answer(1, { ms: 1000 });
  const [first = 0, second = 0] = Object.values(await stand.share(10, 5));
  assert.equal(first + second, 10, 'the last one that can be asked has all the time');
  everybodyGood();
});

test('never more of a pool is ejected than its share', async () => {
  await stand.fresh(
    stand.tiers({ ejection: { consecutive_5xx: 1, share: 0.67 } }, (i) => ({ weight: i + 1 })),
  );
  origins.forEach((_, i) => stand.answer(i, { status: 503 }));
  const counts = await stand.share(30);
  assert.deepEqual(counts, { 503: 30 });
  const asked = origins.map((origin) => origin.count('/')).sort((a, b) => a - b);
  // A request may come before the one before it has been logged.
  const [first = 0, second = 0] = asked;
  assert.ok(first <= 3 && second <= 3, asked.join());
  everybodyGood();
});

test('a POST that was sent is never sent again; one that was not is', async () => {
  await stand.fresh(
    stand.tiers({ ejection: { errors: 0, consecutive_5xx: 0 }, retries: { statuses: [503] } }, (i) =>
      i < 2 ? {} : { state: 'drain' },
    ),
  );
  stand.answer(0, { status: 503 });
  const { 503: failed = 0, 1: good = 0 } = await stand.share(20, 1, { method: 'POST', body: 'x' });
  assert.deepEqual([failed + good, origins[0]?.count('/')], [20, failed], 'each was sent to one');
  assert.ok(failed >= 8 && good >= 8, `${failed} and ${good}`); // two workers, each in turn
  everybodyGood();
  await origins[0]?.stop();
  assert.deepEqual(await stand.share(20, 1, { method: 'POST', body: 'x' }), { 1: 20 });
  await origins[0]?.start();
});

test('retries stay within their share of the requests', async () => {
  await stand.fresh(
    stand.tiers({ ejection: { consecutive_5xx: 0 }, retries: { statuses: [503], budget: 0.1, tries: 3 } }),
  );
  origins.forEach((_, i) => stand.answer(i, { status: 503 }));
  const counts = await stand.share(300, 5);
  assert.deepEqual(counts, { 503: 300 });
  const sent = origins.reduce((sum, origin) => sum + origin.count('/'), 0);
  assert.ok(sent > 310 && sent <= 300 + 30 + 100 + 5, `${sent} were sent`);
  everybodyGood();
});

test('what is under way on a backend when it goes is retried whatever the budget, and requests leave it', async () => {
  const retries = { timeout_ms: 1000, budget: 0.05 };
  await stand.fresh(stand.tiers({ ejection: { time_s: 60 }, retries }));
  await stand.share(60); // what is left of the budget before, and three retries
  stand.answer(0, { ms: 4000 });
  const counts = await stand.share(200, 100);
  assert.deepEqual(Object.keys(counts), ['1', '2'], JSON.stringify(counts));
  assert.ok((origins[0]?.count('/') ?? 0) >= 15, 'many were under way there');
  everybodyGood();
});

test('a backend that fails its checks is out within interval x fall, whenever it begins to', async () => {
  const [interval_ms, fall] = [500, 2];
  await stand.fresh(stand.tiers({ health: { ...health, interval_ms, fall } }));
  const state = async (): Promise<string | undefined> => {
    const tier = (await poolStatus(`127.0.0.1:${stand.port + 1}`)).find((one) => one.tier === 'standard');
    return tier?.backends[0]?.state;
  };
  for (const phase of [0, 90, 180, 270, 360, 450]) {
    await until(async () => (await state()) === 'up', 3000, '0 is not back');
    await sleep(phase);
    // In turn: one that says that it is ill, and one that says nothing.
    origins[0]?.on('/health', phase % 180 === 0 ? { status: 503 } : { ms: 2000 });
    const began = performance.now();
    await until(async () => (await state()) === 'down', 3000, '0 is still asked');
    const ms = Math.round(performance.now() - began);
    assert.ok(ms <= interval_ms * fall + 50, `out after ${ms} ms`); // 50 ms for asking
    good(0);
  }
});

test('checks take a backend out and bring it back, without a request', async () => {
  everybodyGood();
  await stand.fresh(stand.tiers({ health: { ...health, body: 'fine' } }));
  assert.deepEqual(await stand.share(30), { 0: 10, 1: 10, 2: 10 });
  origins[1]?.on('/health', { status: 503 });
  await leaves('1', 1500);
  origins[2]?.on('/health', { body: 'not so well' });
  await leaves('2', 1500);
  origins[0]?.on('/health', { body: 'fine', ms: 400 });
  await leaves('0', 1500);
  assert.deepEqual(await stand.share(4), { slow: 4 });
  everybodyGood();
  await until(async () => Object.keys(await stand.share(30)).join() === '0,1,2', 2000, 'nobody came back');
  assert.match(
    stand.gateway.errors(),
    /backend 127\.0\.0\.1:16655 of tier standard is down: no answer in time/,
  );
  assert.match(stand.gateway.errors(), /of tier standard is back/);
});

test('a check of something else than an HTTP server takes no more of what it sends than a status needs', async () => {
  const piece = Buffer.alloc(1 << 20, 'x');
  let sent = 0;
  const server = createServer((socket) => {
    const go = (): void => {
      while (!socket.destroyed && socket.bytesWritten < 80e6 && socket.write(piece));
    };
    socket.on('error', () => {}).on('drain', go);
    socket.on('close', () => (sent = Math.max(sent, socket.bytesWritten)));
    go();
  });
  await new Promise<void>((resolve) => server.listen(16659, '127.0.0.1', resolve));
  const backends = [{ address: '127.0.0.1:16659' }, { address: stand.address(1) }];
  await stand.configure(stand.tiers({ backends, health: { interval_ms: 1000, timeout_ms: 1000 } }));
  await sleep(2500);
  await stand.configure(stand.tiers({ health }));
  await new Promise((resolve) => server.close(resolve));
  assert.ok(sent > 0 && sent < 50e6, `${sent} bytes`); // what sockets keep, and all of it otherwise
});

test('one worker checks, whatever their number, and another goes on when that one is killed', async () => {
  await sleep(500);
  origins[0]?.on('/health', { body: 'fine' });
  await sleep(2000);
  const count = origins[0]?.count('/health') ?? 0;
  assert.ok(count >= 7 && count <= 11, `${count} checks in 2 s`);
  for (const pid of stand.workers()) {
    process.kill(pid, 'SIGKILL');
    await sleep(1500);
    origins[0]?.on('/health', { body: 'fine' });
    await sleep(1000);
    assert.ok((origins[0]?.count('/health') ?? 0) >= 3, 'nobody checks');
  }
});

test('a backend that is in maintenance is not checked', async () => {
  await stand.fresh(stand.tiers({ health }, (i) => (i === 0 ? { state: 'maintenance' } : {})));
  origins[0]?.on('/health', { body: 'fine' });
  await sleep(600);
  assert.equal(origins[0]?.count('/health'), 0);
});

test('what is back gets its share by and by', async () => {
  everybodyGood();
  const pool = { health, slow_start_s: 6 };
  await stand.fresh(stand.tiers(pool, (i) => (i < 2 ? {} : { state: 'drain' })));
  origins[0]?.on('/health', { status: 503 });
  await leaves('0', 1500);
  good(0);
  await until(async () => ((await stand.share(20))[0] ?? 0) > 0, 2000, '0 is not back');
  const early = (await stand.share(100))[0] ?? 0;
  await sleep(6500);
  const late = (await stand.share(100))[0] ?? 0;
  assert.ok(early < 35, `${early} of 100 at once`);
  assert.equal(late, 50);
});

test('when nothing is left there is a page that says when to come again', async () => {
  const nowhere = [
    { name: 'fast', backends: ['127.0.0.1:9'] },
    { name: 'standard', pool: { live: true, backends: [{ address: '127.0.0.1:16655', state: 'drain' }] } },
    { name: 'slow', backends: ['127.0.0.1:9'] },
  ];
  await stand.configure(nowhere);
  const page = await stand.gateway.get('/', '192.0.2.1');
  assert.equal(page.status, 502);
  assert.equal(page.headers.get('retry-after'), '5');
  assert.equal(page.headers.get('x-tier'), 'standard');
  assert.match(await page.text(), /The server that should answer did not\. Please try again in 5 seconds/);
  const off = nowhere.map((tier) => ({
    name: tier.name,
    pool: { live: true, backends: [{ address: '127.0.0.1:16655', state: 'drain' }] },
  }));
  await stand.configure(off);
  const json = await stand.gateway.get('/', '192.0.2.1', { Accept: 'application/json' });
  assert.equal(json.status, 503);
  assert.deepEqual(await json.json(), {
    error: { code: 'unavailable', message: 'No server is free to answer at the moment.' },
  });
});

test("the gateway's log says nothing of failures that it did not foresee", () => {
  assert.doesNotMatch(
    stand.gateway.errors() + stand.gateway.nginx.output,
    /nobody foresaw|runtime error|entry thread|failed to run|\[(?:alert|emerg)\] (?!.*exited on signal 9)/,
  );
});
