import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { poolStatus } from '../../launch/admin.ts';
import { NameServer } from '../harness/dns.ts';
import { startGateway, until, type Gateway } from '../harness/gateway.ts';
import { Origin } from '../harness/origin.ts';

const PORT = 16740;
const hosts = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];
const origins = hosts.map((host) => new Origin(PORT + 15, undefined, host));
const names = new NameServer(PORT + 16);
let gateway: Gateway;

const app = `app.test:${PORT + 15}`;
const tiers = (standard: object) => [
  { name: 'fast', backends: [`127.0.0.1:${PORT + 10}`] },
  { name: 'standard', ...standard },
  { name: 'slow', backends: [`127.0.0.1:${PORT + 12}`] },
];

before(async () => {
  names.names.set('app.test', { addresses: ['127.0.0.2', '127.0.0.3'], ttl_s: 1 });
  await names.start();
  for (const [i, origin] of origins.entries()) {
    origin.on('/', { body: hosts[i] ?? '' });
    await origin.start();
  }
  gateway = await startGateway({
    port: PORT,
    noScorer: true,
    config: {
      workers: 2,
      access: { pin: { standard: ['192.0.2.0/24'] } },
      name_servers: [`127.0.0.1:${PORT + 16}`],
      tiers: tiers({ backends: [app] }),
    },
  });
  await sleep(300);
});
after(async () => {
  await gateway.stop();
  await Promise.all([names.stop(), ...origins.map((origin) => origin.stop())]);
});

async function share(n: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < n; i++) {
    const answer = await gateway.get('/', '192.0.2.1');
    const text = await answer.text();
    const who = answer.status === 200 && hosts.includes(text) ? text : String(answer.status);
    counts[who] = (counts[who] ?? 0) + 1;
  }
  return counts;
}

const set = (addresses: string[], ttl_s = 1): unknown => names.names.set('app.test', { addresses, ttl_s });
const backends = async () =>
  (await poolStatus(`127.0.0.1:${PORT + 1}`)).find(({ tier }) => tier === 'standard')?.backends ?? [];

test('requests are spread over all addresses of a name', async () => {
  assert.deepEqual(await share(20), { '127.0.0.2': 10, '127.0.0.3': 10 });
  assert.deepEqual(
    (await backends()).map(({ backend, address }) => [backend, address]),
    hosts.slice(0, 2).map((host) => [app, `${host}:${PORT + 15}`]),
  );
});

test('an address that comes or goes is followed when the time of the record is over, without a reload or a lost request', async () => {
  set([...hosts]);
  const seen = new Set<string>();
  const ends = Date.now() + 2500;
  while (Date.now() < ends) for (const who of Object.keys(await share(5))) seen.add(who);
  assert.deepEqual([...seen].sort(), hosts);
  assert.deepEqual(await share(30), Object.fromEntries(hosts.map((host) => [host, 10])));
  set(['127.0.0.4']);
  await sleep(2000);
  assert.deepEqual(await share(10), { '127.0.0.4': 10 });
});

test('a name is asked for as often as its record says, by one worker; of a name server here every 2 s', async () => {
  const during = async (ms: number): Promise<number> => {
    const before = names.asked;
    await sleep(ms);
    return names.asked - before;
  };
  const often = await during(4000);
  assert.ok(often >= 3 && often <= 5, `${often} questions in 4 s`);
  set(['127.0.0.4'], 600);
  await sleep(1500);
  const seldom = await during(6000);
  assert.ok(seldom >= 2 && seldom <= 4, `${seldom} questions in 6 s`);
  set(['127.0.0.2'], 1);
  await until(async () => (await share(1))['127.0.0.2'] === 1, 3000, 'the new address is not used');
});

test('addresses stay while the name server is silent, or has forgotten the name, and that is said once', async () => {
  names.names.delete('app.test');
  await sleep(3500);
  assert.deepEqual(await share(5), { '127.0.0.2': 5 });
  const said = gateway
    .errors()
    .match(/app\.test cannot be found: name server 127\.0\.0\.1: there is no such name/g);
  assert.equal(said?.length, 1);
  names.silent = true;
  set(['127.0.0.3']);
  await sleep(3000);
  assert.deepEqual(await share(5), { '127.0.0.2': 5 });
  names.silent = false;
  await until(async () => (await share(1))['127.0.0.3'] === 1, 6000, 'it is not asked any more');
  assert.match(gateway.errors(), /the addresses of app\.test are found again/);
});

test('an answer that is too long for UDP comes over TCP', async () => {
  names.truncated = true;
  set(['127.0.0.4']);
  await until(async () => (await share(1))['127.0.0.4'] === 1, 3000, 'nobody asked over TCP');
  names.truncated = false;
});

test('a pool may mix names and addresses, weight them, and be changed while it runs', async () => {
  set(['127.0.0.3', '127.0.0.4']);
  gateway.configure({
    tiers: tiers({
      pool: { backends: [{ address: `127.0.0.2:${PORT + 15}`, weight: 2 }, { address: app }] },
    }),
  });
  gateway.reload();
  await sleep(2500);
  assert.deepEqual(await share(20), { '127.0.0.2': 10, '127.0.0.3': 5, '127.0.0.4': 5 });
  const url = `http://127.0.0.1:${PORT + 1}/pool/drain?tier=standard&backend=${app}`;
  await fetch(url, { method: 'POST' });
  assert.deepEqual(await share(10), { '127.0.0.2': 10 });
});

test('a name that is in the file of hosts needs no name server', async () => {
  assert.match(readFileSync('/etc/hosts', 'utf8'), new RegExp(hostname()));
  gateway.configure({ tiers: tiers({ backends: [`${hostname()}:${PORT + 15}`, 'unknown.test:1'] }) });
  gateway.reload();
  const found = async (): Promise<boolean> => {
    const [here, unknown] = await backends();
    return (
      here?.backend.startsWith(`${hostname()}:`) === true &&
      here.address !== undefined &&
      unknown?.state === 'unresolved'
    );
  };
  await until(found, 3000, 'it is not found');
});

test('a name for which there was no room has its backends when there is', async () => {
  const late = `127.0.0.4:${PORT + 15}`;
  names.names.delete('late.test');
  gateway.configure({ tiers: tiers({ backends: [app, `late.test:${PORT + 15}`] }) });
  gateway.reload();
  await sleep(1000);
  names.truncated = true; // so many come over TCP
  set(Array.from({ length: 300 }, (_, i) => `127.0.${9 + (i >> 7)}.${1 + (i & 127)}`));
  await until(async () => (await backends()).length > 200, 4000, 'the many are not used');
  names.names.set('late.test', { addresses: ['127.0.0.4'], ttl_s: 600 });
  await sleep(1500);
  set(['127.0.0.2']);
  await until(
    async () => (await backends()).some(({ address }) => address === late),
    6000,
    'late.test was forgotten',
  );
  assert.deepEqual(await share(4), { '127.0.0.2': 2, '127.0.0.4': 2 });
  assert.equal(gateway.errors().match(/some addresses of app\.test are left out/g)?.length, 1);
  names.truncated = false;
});

test("the gateway's log says nothing of failures that it did not foresee", () => {
  assert.doesNotMatch(
    gateway.errors() + gateway.nginx.output,
    /nobody foresaw|runtime error|entry thread|failed to run|\[(?:alert|emerg)\]/,
  );
});
