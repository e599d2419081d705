import assert from 'node:assert/strict';
import { createServer, type Server, type Socket } from 'node:net';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { poolStatus } from '../../launch/admin.ts';
import { startGateway, until, type Gateway } from '../harness/gateway.ts';

const PORT = 17260;
const EACH = 64;
const TIERS = ['fast', 'standard', 'slow'];
let isSilent = true;
const open = new Set<Socket>();
const backends: Server = createServer((socket) => {
  open.add(socket);
  socket.on('error', () => {}).on('close', () => open.delete(socket));
  socket.on('data', () => {
    if (!isSilent) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  });
});
let gateway: Gateway;

const health = { interval_ms: 1000, timeout_ms: 1000 };
/** Tiers of those names with addresses from 127.0.`net`.1 on. */
const pools = (names: readonly string[], net: number) =>
  names.map((name, k) => {
    const addresses = Array.from({ length: EACH }, (_, i) => `127.0.${net + k}.${i + 1}:${PORT + 15}`);
    return { name, pool: { backends: addresses.map((address) => ({ address })), health } };
  });
const all = TIERS.length * EACH;
const are = async (state: string): Promise<boolean> => {
  const tiers = await poolStatus(`127.0.0.1:${PORT + 1}`);
  return tiers.flatMap((tier) => tier.backends).filter((one) => one.state === state).length === all;
};

before(async () => {
  await new Promise<void>((resolve) => backends.listen(PORT + 15, '0.0.0.0', resolve));
  const tiers = pools(TIERS, 1);
  gateway = await startGateway({ port: PORT, noScorer: true, config: { tiers } });
});
after(async () => {
  await gateway.stop();
  for (const socket of open) socket.destroy();
  await new Promise((resolve) => backends.close(resolve));
});

test('many backends that all fall silent are all out, and all back when they answer', async () => {
  await until(() => are('down'), 8000, 'not all are out');
  isSilent = false;
  await until(() => are('up'), 8000, 'not all are back');
  await sleep(100);
  assert.doesNotMatch(gateway.nginx.output, /are not enough/);
});

test('backends that are gone, and tiers, leave their room to those that come', async () => {
  await gateway.reconfigure({ tiers: pools(TIERS, 11) });
  await until(() => are('up'), 2000, 'some of the new ones are left out');
  for (const [i, last] of ['slower', 'slowest'].entries()) {
    await sleep(2000); // for the checker, and requests under way
    await gateway.reconfigure({ tiers: pools(['fast', 'standard', last], 11 + i) });
    await until(() => are('up'), 2000, `some of ${last} are left out`);
  }
  assert.doesNotMatch(gateway.errors() + gateway.nginx.output, /there is room for/);
});
