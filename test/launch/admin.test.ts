import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import test, { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AdminError, changePool, poolStatus } from '../../launch/admin.ts';

const BODY = JSON.stringify({ pools: [] });
const ANSWER = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
const sockets = new Set<Socket>();
let [seen, most] = [0, 1];
/** Answers the first `most` requests of a connection, and closes it at the next, as a worker that goes does. */
const server = createServer((socket) => {
  let answered = 0;
  sockets.add(socket);
  socket.on('data', () => {
    seen += 1;
    if (answered++ < most) socket.write(ANSWER);
    else socket.destroy();
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const admin = `127.0.0.1:${(server.address() as { port: number }).port}`;
after(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

test('what only reads is asked once more when its kept connection is closed instead of an answer', async () => {
  assert.deepEqual(await poolStatus(admin), []);
  await sleep(50); // so that the connection is free again
  assert.deepEqual(await poolStatus(admin), []);
  assert.equal(seen, 3);
});

test('what changes something is not, and says that nobody answered', async () => {
  await sleep(50);
  await assert.rejects(changePool(admin, 'drain', { tier: 'fast' }), AdminError);
  assert.equal(seen, 4);
});

test('who closes every connection does not answer', async () => {
  [seen, most] = [0, 0];
  await assert.rejects(
    poolStatus(admin),
    /no gateway answers at 127\.0\.0\.1:\d+ \(.+\); start it with npm start/,
  );
  assert.equal(seen, 2);
});
