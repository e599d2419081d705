import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import type { TLSSocket } from 'node:tls';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { poolStatus } from '../../launch/admin.ts';
import { Certificates } from '../harness/certificates.ts';
import { startGateway, type Gateway } from '../harness/gateway.ts';
import { Origin } from '../harness/origin.ts';

const PORT = 16960;
const made = new Certificates();
const authority = made.make('authority', []);
const [a, b] = ['a.internal', 'b.internal'].map((name) => made.make(name, [`DNS:${name}`], authority));
const stranger = made.make('stranger', ['DNS:a.internal']);
const origins = [
  new Origin(PORT + 15, a),
  new Origin(PORT + 16, b),
  new Origin(PORT + 17),
  new Origin(PORT + 18, stranger),
  ...(a ? [new Origin(PORT + 19, { ...a, minVersion: 'TLSv1.3' })] : []),
];

const https = (i: number): string => `https://127.0.0.1:${origins[i]?.port}`;
const tiers = (fast: object, standard: object, slow: object) => [
  { name: 'fast', ...fast },
  { name: 'standard', ...standard },
  { name: 'slow', ...slow },
];
const toA = { backends: [https(0)], tls_name: 'a.internal' };
const toB = { backends: [https(1)], tls_name: 'b.internal' };
const plain = { backends: [`http://127.0.0.1:${PORT + 17}`] };
const scorer = { listen: `127.0.0.1:${PORT + 2}`, wait_ms: 1000, timeout_ms: 3000 };
const backend_tls = { ca: authority.certificate };
const access = { pin: { fast: ['192.0.2.1'], standard: ['192.0.2.2'], slow: ['192.0.2.3'] } };

let gateway: Gateway;
before(async () => {
  for (const [i, origin] of origins.entries()) {
    origin.on('/', ({ socket, headers }) => ({
      body: JSON.stringify({
        origin: i,
        name: 'getProtocol' in socket ? (socket as TLSSocket & { servername: string }).servername : 'plain',
        proto: headers['x-forwarded-proto'],
      }),
    }));
    await origin.start();
  }
  gateway = await startGateway({
    port: PORT,
    config: { scorer, backend_tls, access, tiers: tiers(toA, toB, plain) },
  });
});
after(async () => {
  await gateway.stop();
  await Promise.all(origins.map((origin) => origin.stop()));
  made.remove();
});

/** What the backend of a tier says of itself, or the status where it does not answer. */
async function ask(tier: 1 | 2 | 3): Promise<unknown> {
  const answer = await gateway.get('/', `192.0.2.${tier}`);
  const text = await answer.text();
  return answer.status === 200 ? JSON.parse(text) : answer.status;
}

test('https:// backends are spoken to over TLS, by their name; others are not', async () => {
  assert.deepEqual(await ask(1), { origin: 0, name: 'a.internal', proto: 'http' });
  assert.deepEqual(await ask(2), { origin: 1, name: 'b.internal', proto: 'http' });
  assert.deepEqual(await ask(3), { origin: 2, name: 'plain', proto: 'http' });
  assert.doesNotMatch(gateway.errors() + gateway.nginx.output, /\[(?:warn|error|crit|alert|emerg)\]/);
});

test('a backend with a certificate for another name is not spoken to', async () => {
  await gateway.reconfigure({ tiers: tiers({ ...toA, tls_name: 'c.internal' }, toB, plain) });
  assert.equal(await ask(1), 502);
  assert.deepEqual(await ask(2), { origin: 1, name: 'b.internal', proto: 'http' });
  assert.match(gateway.errors(), /upstream SSL certificate does not match "c\.internal"/);
});

test('a backend whose certificate nobody signed that is trusted is not spoken to, unless that is switched off', async () => {
  const all = tiers({ backends: [https(3)], tls_name: 'a.internal' }, toB, plain);
  await gateway.reconfigure({ tiers: all });
  assert.equal(await ask(1), 502);
  assert.match(gateway.errors(), /upstream SSL certificate verify error: \(18:self-signed certificate\)/);
  await gateway.reconfigure({ tiers: all, backend_tls: { verify: false } });
  assert.deepEqual(await ask(1), { origin: 3, name: 'a.internal', proto: 'http' });
});

test('checks speak TLS as requests do: 1.3 alone too, and with the same names and authorities', async () => {
  // The workers of a test's nginx are nobody's, and they read the authorities themselves.
  chmodSync(made.folder, 0o755);
  const health = { interval_ms: 200, timeout_ms: 200, fall: 2 };
  const pool = { health, backends: [0, 1, 3, 4].map((i) => ({ address: https(i) })) };
  await gateway.reconfigure({ tiers: tiers({ pool, tls_name: 'a.internal' }, toB, plain) });
  await sleep(1000);
  const [fast] = await poolStatus(`127.0.0.1:${PORT + 1}`);
  assert.deepEqual(
    fast?.backends.map(({ state }) => state),
    ['up', 'down', 'down', 'up'],
  );
});

test('what this system trusts is asked where the configuration names no file', async () => {
  await gateway.reconfigure({ backend_tls: {} });
  assert.equal(await ask(1), 502, 'this system does not know the authority of the test');
});

test('backends of another tier stand in where they are spoken to in the same way', async () => {
  await gateway.reconfigure({
    tiers: tiers({ backends: ['https://127.0.0.1:9'], tls_name: 'a.internal' }, toB, toA),
  });
  assert.deepEqual(await ask(1), { origin: 0, name: 'a.internal', proto: 'http' });
});
