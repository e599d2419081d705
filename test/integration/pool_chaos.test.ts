/**
 * A pool under load for a minute, half of it over TLS, while its backends are killed, stopped, slow or
 * failing, in turn and together, while it is changed, and while certificate and configuration are reloaded. A request
 * is failed as test/harness/load.ts says; none may be. When traffic left a backend is read from the access log.
 * `npm run test:chaos` sends 2,000 requests/s, which takes both cores of a small machine that does nothing else.
 */
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import test, { after, before } from 'node:test';
import { changePool } from '../../launch/admin.ts';
import { Certificates } from '../harness/certificates.ts';
import { Part, startGateway, type Gateway } from '../harness/gateway.ts';
import { loadProcess } from '../harness/load_process.ts';
import { follow, HEAD, shown, type Step } from '../harness/plan.ts';
import { triesOf } from '../harness/tries.ts';

const PORT = 16780;
const TLS = PORT + 5;
const FIRST = PORT + 13;
const RATE = Number(process.env['CHAOS_RATE'] ?? 500);
const SECONDS = 62;
const PASSIVE_MS = 1000;
const health = { path: '/health', interval_ms: 500, timeout_ms: 400, fall: 2, rise: 2 };
const ACTIVE_MS = health.interval_ms * health.fall;

const addresses = [0, 1, 2, 3, 4].map((i) => `127.0.0.1:${FIRST + i}`);
const address = (i: number): string => addresses[i] ?? '';
const pool = {
  live: true,
  health,
  ejection: { consecutive_5xx: 5, time_s: 2, share: 0.75 },
  retries: { statuses: [500, 503], timeout_ms: 500 },
};
const tiers = (weight = 1): object[] => [
  {
    name: 'standard',
    pool: { ...pool, backends: addresses.slice(0, 4).map((one) => ({ address: one, weight })) },
  },
];

const made = new Certificates();
const [old, renewed] = ['old', 'renewed'].map((name) => made.make(name, ['IP:127.0.0.1']));
const served = { certificate: join(made.folder, 'served.pem'), key: join(made.folder, 'served.key') };
function serve(one = old): void {
  assert.ok(one);
  copyFileSync(one.certificate, served.certificate);
  copyFileSync(one.key, served.key);
}
const ca = [old, renewed].map((one) => readFileSync(one?.certificate ?? '', 'utf8'));

let gateway: Gateway;
const parts = addresses.map(
  (_, i) =>
    new Part(`backend ${i}`, [process.execPath, 'test/harness/backend.mjs', String(FIRST + i)], FIRST + i),
);
before(async () => {
  await Promise.all(parts.map((part) => part.start()));
  serve();
  const tls = { port: TLS, certificates: [served], redirect: false };
  const config = { workers: 2, tls, tiers: tiers(), default_tier: 'standard' };
  gateway = await startGateway({ port: PORT, noScorer: true, config });
  chmodSync(join(gateway.run, 'pools'), 0o777); // its workers are nobody's
});
after(async () => {
  await gateway.stop();
  await Promise.all(parts.map((part) => part.end()));
  made.remove();
});

/** Makes a backend slow, failing or ill. */
async function tell(i: number, behaviour: object): Promise<void> {
  const answer = await fetch(`http://${address(i)}/control`, {
    method: 'PUT',
    headers: { Connection: 'close' }, // one that is kept may be closed when it is used next
    body: JSON.stringify(behaviour),
  });
  assert.equal(answer.status, 200);
}
const kill = async (i: number): Promise<void> => parts[i]?.end('SIGKILL');
const start = async (i: number): Promise<void> => parts[i]?.start();
const signal = (i: number, name: NodeJS.Signals): void => parts[i]?.signal(name);
const change = (action: string, i: number, more = {}): Promise<void> =>
  changePool(`127.0.0.1:${PORT + 1}`, action, { tier: 'standard', backend: address(i), ...more });

/** The fingerprint of the certificate that a new connection gets. */
function fingerprint(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: TLS, host: '127.0.0.1', ca }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

const PLAN: readonly Step[] = [
  { what: 'killed', at: 2, lasts: 3, bad: [address(0)], breaks: () => kill(0), mends: () => start(0) },
  {
    what: 'stopped',
    at: 8,
    lasts: 3,
    bad: [address(1)],
    breaks: () => signal(1, 'SIGSTOP'),
    mends: () => signal(1, 'SIGCONT'),
  },
  {
    what: 'slow (3 s)',
    at: 14,
    lasts: 3,
    bad: [address(2)],
    breaks: () => tell(2, { delay_ms: 3000 }),
    mends: () => tell(2, {}),
  },
  {
    what: 'answers 500',
    at: 20,
    lasts: 3,
    bad: [address(3)],
    breaks: () => tell(3, { status: 500 }),
    mends: () => tell(3, {}),
  },
  {
    what: 'fails its checks only',
    at: 26,
    lasts: 3,
    bad: [address(0)],
    within: ACTIVE_MS,
    breaks: () => tell(0, { health: 503 }),
    mends: () => tell(0, {}),
  },
  { what: 'pool changed', at: 32, lasts: 4, breaks: changes },
  { what: 'certificate renewed', at: 37, lasts: 3, breaks: renew },
  { what: 'configuration, 4 times', at: 41, lasts: 4, breaks: reconfigure },
  {
    what: 'killed, stopped, 500',
    at: 46,
    lasts: 4,
    bad: [address(0), address(1), address(2)],
    breaks: () => Promise.all([kill(0), signal(1, 'SIGSTOP'), tell(2, { status: 500 })]),
    mends: () => Promise.all([start(0), signal(1, 'SIGCONT'), tell(2, {})]),
  },
  {
    what: 'stopped, slow, 500, reload',
    at: 54,
    lasts: 4,
    bad: [address(1), address(2), address(3)],
    breaks: async () => {
      signal(1, 'SIGSTOP');
      await Promise.all([tell(2, { delay_ms: 3000 }), tell(3, { status: 500 })]);
      await sleep(1500);
      gateway.reload();
    },
    mends: () => Promise.all([signal(1, 'SIGCONT'), tell(2, {}), tell(3, {})]),
  },
];

async function changes(): Promise<void> {
  await change('add', 4, { weight: '3' });
  await sleep(500);
  await change('drain', 1);
  await change('weight', 4, { weight: '1' });
  await sleep(500);
  await change('remove', 2);
  await change('maintenance', 0);
  await sleep(500);
  for (const i of [0, 1]) await change('ready', i);
  await change('add', 2);
  await change('remove', 4);
}

async function renew(): Promise<void> {
  const before = await fingerprint();
  serve(renewed);
  gateway.reload();
  await sleep(1500);
  assert.notEqual(await fingerprint(), before, 'the renewed certificate is not served');
}

async function reconfigure(): Promise<void> {
  for (const weight of [2, 1, 2, 1]) {
    gateway.configure({ tiers: tiers(weight) });
    gateway.reload();
    await sleep(800);
  }
}

test('no request of a minute of chaos fails, and traffic leaves each bad backend in time', async (t) => {
  const both = { rate: RATE / 2, seconds: SECONDS, connections: 300 };
  const began = Date.now();
  const loads = [loadProcess({ ...both, port: PORT }), loadProcess({ ...both, port: TLS, ca })];
  const results = loads.map(({ result }) => result);
  const [rows] = await Promise.all([follow(PLAN, SECONDS, results), ...loads.map(({ ended }) => ended)]);
  const took = (Date.now() - began) / 1000;
  const tries = triesOf(await gateway.log());
  t.diagnostic(HEAD);
  const faults = rows.flatMap((row) => {
    const { left, text } = shown(row, tries);
    t.diagnostic(text);
    const within = row.within ?? PASSIVE_MS;
    return left.filter((ms) => ms > within).map((ms) => `${row.what}: left after ${ms} ms, not ${within}`);
  });
  const sent = results.reduce((sum, one) => sum + one.sent, 0);
  t.diagnostic(
    `${sent} requests in ${took.toFixed(1)} s, ${RATE} a second; ${JSON.stringify(results.map((one) => one.failed))}`,
  );
  assert.deepEqual(
    results.map(({ failed }) => failed),
    [{}, {}],
  );
  assert.deepEqual(faults, []);
  assert.ok(sent / took >= 0.97 * RATE, `${Math.round(sent / took)} requests/s`);
  assert.doesNotMatch(
    gateway.errors() + gateway.nginx.output,
    /nobody foresaw|runtime error|entry thread|failed to run|\[(?:alert|emerg)\]/,
  );
});
