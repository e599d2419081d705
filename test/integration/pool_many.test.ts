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

before(async () => {
  await new Promise<void>((resolve) => backends.listen(PORT + 15, '0.0.0.0', resolve));
  const health = { interval_ms: 1000, timeout_ms: 1000 };
  const tiers = TIERS.map((name, k) => {
    const addresses = Array.from({ length: EACH }, (_, i) => `127.0.${k + 1}.${i + 1}:${PORT + 15}`);
    return { name, pool: { backends: addresses.map((address) => ({ address })), health } };
  });
  gateway = await startGateway({ port: PORT, noScorer: true, config: { tiers } });
});
after(async () => {
  await gateway.stop();
  for (const socket of open) socket.destroy();
  await new Promise((resolve) => backends.close(resolve));
});

test('many backends that all fall silent are all out, and all back when they answer', async () => {
  const all = TIERS.length * EACH;
  const are = async (state: string): Promise<boolean> => {
    const tiers = await poolStatus(`127.0.0.1:${PORT + 1}`);
    return tiers.flatMap((tier) => tier.backends).filter((one) => one.state === state).length === all;
  };
  await until(() => are('down'), 8000, 'not all are out');
  isSilent = false;
  await until(() => are('up'), 8000, 'not all are back');
  await sleep(100);
  assert.doesNotMatch(gateway.nginx.output, /are not enough/);
});
