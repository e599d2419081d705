/** A load that could not see a failure would make every test of it pass. */
import assert from 'node:assert/strict';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import test, { after, before } from 'node:test';
import { load, type LoadResult } from './load.ts';

const OK = 'HTTP/1.1 200 OK\r\n';
const soon = (end: () => void): void => void setTimeout(end, 5);
let asked = 0;

const ANSWERS: Record<string, (socket: Socket) => void> = {
  '/length': (socket) => socket.write(`${OK}Content-Length: 2\r\nX-Tier: fast\r\n\r\nok`),
  '/chunks': (socket) => {
    socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    soon(() => socket.write('0\r\n\r\n'));
  },
  '/until-closed': (socket) => socket.end(`${OK}Connection: close\r\n\r\nabc`),
  '/closed-at-first': (socket) =>
    asked++ === 0 ? socket.destroy() : socket.write(`${OK}Content-Length: 0\r\n\r\n`),
  '/closed': (socket) => socket.destroy(),
  '/half': (socket) => {
    socket.write(`${OK}Content-Length: 20\r\n\r\nok`);
    soon(() => socket.destroy());
  },
  '/half-a-head': (socket) => {
    socket.write(`${OK}Cont`);
    soon(() => socket.destroy());
  },
  '/half-of-chunks': (socket) => {
    socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    soon(() => socket.destroy());
  },
  '/502': (socket) => socket.write('HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n'),
};

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.on('data', (data) => ANSWERS[data.toString().split(' ')[1] ?? '']?.(socket));
});
before(() => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)));
after(() => server.close());

const ten = (path: string): Promise<LoadResult> =>
  load({
    port: (server.address() as AddressInfo).port,
    rate: 100,
    seconds: 0.1,
    connections: 2,
    request: () => ({ path }),
  });

test('whole answers are counted as such, whatever says where they end', async () => {
  const of = (tier: string) => ({ sent: 10, answered: 10, failed: {}, closed: 0, tiers: { [tier]: 10 } });
  assert.deepEqual(await ten('/length'), of('fast'));
  for (const path of ['/chunks', '/until-closed']) assert.deepEqual(await ten(path), of('none'), path);
});

test('a connection that closes before any byte is tried once more, and then it is a failure', async () => {
  const { failed, closed, answered } = await ten('/closed-at-first');
  assert.deepEqual([failed, closed, answered], [{}, 1, 10]);
  const never = await ten('/closed');
  assert.deepEqual([never.answered, never.closed], [0, 10]);
});

test('half an answer is a failure, and so is a status of 500 and above', async () => {
  for (const path of ['/half', '/half-a-head', '/half-of-chunks'])
    assert.deepEqual((await ten(path)).failed, { truncated: 10 }, path);
  assert.deepEqual((await ten('/502')).failed, { 'status 502': 10 });
});
