/** What is rare and must be right all the same: the gateway beside a scorer that a test plays. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { after, before, beforeEach } from 'node:test';
import type { Overrides } from '../../config/schema.ts';
import { startGateway, until, type Gateway } from '../harness/gateway.ts';
import { ask } from '../harness/raw.ts';
import { FakeScorer } from '../harness/scorer.ts';

const SCORER = { wait_ms: 1000, timeout_ms: 3000 };
let gateway: Gateway;
let scorer: FakeScorer;
before(async () => {
  scorer = new FakeScorer();
  await scorer.listen(16602);
  const config = { scorer: { listen: '127.0.0.1:16602', ...SCORER } };
  gateway = await startGateway({ port: 16600, noScorer: true, config });
});
after(async () => {
  await gateway.stop();
  await scorer.close();
});
beforeEach(() => {
  scorer.hits = 0;
  scorer.pinned = false;
  scorer.behaviour = 'well';
});

const send = async (ip: string, n = 1): Promise<void> => {
  for (let i = 0; i < n; i++) await (await gateway.get('/', ip)).arrayBuffer();
};
const counted = (hits: number): Promise<void> =>
  until(
    () => scorer.hits >= hits,
    5000,
    () => `${scorer.hits} hits counted of ${hits}`,
  );

async function reconfigure(changed: Overrides): Promise<void> {
  gateway.configure(changed);
  gateway.reload();
  await sleep(1000);
}

test('a pinned tier is not reported as one that the client has earned', async () => {
  scorer.pinned = true;
  await send('198.51.100.1', 3);
  await counted(3);
  await send('198.51.100.1');
  await counted(4);
  assert.equal(scorer.reports.get('198.51.100.1')?.['tier'], undefined);
});

test('a report that waited for the scorer tells the ages that its hits have by then', async () => {
  scorer.behaviour = 'error';
  await send('198.51.100.2', 2);
  await sleep(3500);
  scorer.behaviour = 'well';
  scorer.reports.clear();
  await until(() => scorer.reports.has('198.51.100.2'), 5000, 'no report');
  const ages = scorer.reports.get('198.51.100.2')?.hits?.map(([age]) => age) ?? [];
  assert.ok(Math.max(...ages) >= 3, `ages ${ages.join()}`);
});

test('a request that ends in a worker of before a reload with other limits is counted', async () => {
  const socket = connect(gateway.port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n');
  await sleep(300);
  await reconfigure({ limits: { clients: 2000 } });
  await sleep(1000);
  const before = scorer.hits;
  socket.end('X-Forwarded-For: 198.51.100.3\r\nConnection: close\r\n\r\n');
  await once(socket.resume(), 'close');
  await counted(before + 1);
  assert.ok(scorer.reports.has('198.51.100.3'));
  await reconfigure({});
});

test('where nobody waits (wait_ms: 0) a slow answer is no failure, and its verdict is used', async () => {
  await reconfigure({ scorer: { listen: '127.0.0.1:16602', wait_ms: 0, timeout_ms: 1000 } });
  scorer.behaviour = 'slow';
  for (let i = 0; i < 20; i++) {
    await send('198.51.100.4');
    await sleep(30);
  }
  assert.equal(await gateway.metric('scoregate_breaker_open'), 0);
  assert.equal((await gateway.get('/', '198.51.100.4')).headers.get('x-tier'), 'fast');
  await reconfigure({});
});

test('a backend cannot send a request through the gateway again', async () => {
  const backend = createServer((_request, response) => {
    response.setHeader('X-Accel-Redirect', '/elsewhere').end('mine');
  }).listen(16620, '127.0.0.1');
  const tiers = ['fast', 'standard', 'slow'].map((name) => ({ name, backends: ['127.0.0.1:16620'] }));
  await reconfigure({ tiers });
  scorer.hits = 0;
  assert.equal(await (await gateway.get('/', '198.51.100.5')).text(), 'mine');
  await sleep(1500);
  assert.equal(scorer.hits, 1);
  backend.closeAllConnections();
  backend.close();
  await reconfigure({});
});

test('300 requests at a time leave 300 connections to a backend, which the next 300 use', async (t) => {
  let connections = 0;
  const backend = createServer((_request, response) => {
    setTimeout(() => response.end('mine'), 300);
  }).listen(16620, '127.0.0.1');
  backend.on('connection', () => (connections += 1));
  t.after(() => {
    backend.closeAllConnections();
    backend.close();
    return reconfigure({});
  });
  const tiers = ['fast', 'standard', 'slow'].map((name) => ({ name, backends: ['127.0.0.1:16620'] }));
  await reconfigure({ tiers });
  const many = (): Promise<void[]> => Promise.all(Array.from({ length: 300 }, () => send('198.51.100.7')));
  await many();
  const opened = connections;
  assert.ok(opened > 200, `${opened} connections`);
  await many();
  assert.ok(connections < opened + 20, `${connections} connections, ${opened} before`);
});

test('no request makes a backend fail by what it answers: a redirect that repeats a long address, escaped', async (t) => {
  const backends = [16620, 16621].map((port) =>
    createServer(({ url = '' }, response) => {
      const there = `/signin?next=${encodeURIComponent(url)}`;
      if (url === '/') response.end('mine');
      else response.writeHead(302, { Location: there }).end();
    }).listen(port, '127.0.0.1'),
  );
  t.after(() => {
    for (const backend of backends) {
      backend.closeAllConnections();
      backend.close();
    }
    return reconfigure({});
  });
  const addresses = ['127.0.0.1:16620', '127.0.0.1:16621'];
  const live = { pool: { backends: addresses.map((address) => ({ address })), live: true } };
  for (const pool of [{ backends: addresses }, live]) {
    const tiers = ['fast', 'standard', 'slow'].map((name) => ({ name, ...pool }));
    await reconfigure({ tiers } as Overrides);
    for (let i = 0; i < 6; i++) {
      assert.match(await ask(gateway.port, [`/login?${'/'.repeat(7000)}`]), /^HTTP\/1\.1 302 /);
      assert.equal(await (await gateway.get('/', '198.51.100.9')).text(), 'mine');
    }
  }
});

test('a body longer than limits.body is refused, and one as long is not', async (t) => {
  t.after(() => reconfigure({}));
  await reconfigure({ limits: { body: '20kb' } });
  const post = (bytes: number): Promise<number> =>
    fetch(`http://127.0.0.1:${gateway.port}/`, { method: 'POST', body: 'a'.repeat(bytes) }).then(
      async (answer) => {
        await answer.arrayBuffer();
        return answer.status;
      },
    );
  assert.deepEqual([await post(20_480), await post(20_481)], [200, 413]);
});

test('the scorer is reached at an IPv6 address', async (t) => {
  const other = new FakeScorer();
  t.after(() => other.close());
  await other.listen(16604, '::1');
  await reconfigure({ scorer: { listen: '[::1]:16604', ...SCORER } });
  await send('198.51.100.6');
  await until(() => other.reports.has('198.51.100.6'), 5000, 'no report');
  await reconfigure({});
});
