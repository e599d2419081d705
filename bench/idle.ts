/** What kept connections cost in memory that nobody uses: each has had one request answered and waits for another. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Overrides } from '../config/schema.ts';
import { drive, exchange, requestText } from './drive.ts';
import { haproxyBalancer } from './haproxy.ts';
import type { Measured } from './measured.ts';
import { startHaproxy, startPlain, startScoregate, type Peer } from './peers.ts';
import { plainConf } from './plain.ts';
import { residentOfAll, type Resident } from './resident.ts';
import { PORTS, type Stand } from './stand.ts';
import { whole, type Row } from './table.ts';

const CONNECTIONS = 10_000;
const CLIENTS = 1000;
/** Connections that are opened at one time: as many as the proxies keep to the backends. */
const AT_ONCE = 64;
/** Connections that a proxy may have, those to backends included, and so the files that it may open. */
const ROOM = 12_000;
const HEADERS = { 'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64)', Referer: 'https://www.example.com/' };
const request = (i: number): string => requestText(i % CLIENTS, HEADERS);

/** Opens connections to a port, a request on each, and holds them. */
async function held(port: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  const open = async (i: number): Promise<void> => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    await exchange(socket, request(i));
    socket.on('error', () => socket.destroy()); // it is counted as lost
  };
  let next = 0;
  const opener = async (): Promise<void> => {
    while (next < CONNECTIONS) await open(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, opener));
  return sockets;
}

interface Idle {
  name: string;
  before: Resident;
  after: Resident;
  /** Growth for each connection, bytes. */
  rss: number;
  pss: number;
}

async function measure({ name, port, pid }: Peer): Promise<Idle> {
  // Code is compiled, clients are known and buffers made for the first requests already.
  await drive({ port, request, count: 3 * CLIENTS });
  await sleep(1000);
  const before = residentOfAll(pid);
  const sockets = await held(port);
  await sleep(1000); // the log is written
  const after = residentOfAll(pid);
  const lost = sockets.filter((socket) => socket.destroyed || socket.readableEnded).length;
  for (const socket of sockets) socket.destroy();
  if (lost > 0) throw new Error(`${name} closed ${lost} of ${CONNECTIONS} idle connections`);
  const grown = (key: keyof Resident): number => (after[key] - before[key]) / CONNECTIONS;
  return { name, before, after, rss: grown('rss'), pss: grown('pss') };
}

/** nginx.conf with room for all; by itself it has half of the files that it may open for connections. */
const roomy = (conf: string): string =>
  conf.replace(/worker_connections \d+;/, `worker_connections ${ROOM};`);

/** Growth of all processes of each proxy with 10,000 idle connections; Scoregate's settings are `plain`, of one tier. */
export async function idle(stand: Stand, plain: Overrides, tier: string): Promise<Measured> {
  await stand.backend();
  const peers = [
    await startPlain(stand, { overrides: plain, change: (rendered) => roomy(plainConf(rendered, tier)) }),
    await startHaproxy(stand, haproxyBalancer(PORTS.haproxy, { balance: 'roundrobin', connections: ROOM })),
    await startScoregate(stand, { overrides: plain, change: roomy }),
  ];
  const found: Idle[] = [];
  for (const peer of peers) found.push(await measure(peer));
  await stand.clear();
  const rows = found.map(({ name, rss, pss }): Row => {
    const measured = `${whole(rss)} B (PSS ${whole(pss)} B)`;
    return {
      what: `memory of an idle connection, ${name}`,
      measured,
      must: '',
      aim: '',
      meets: null,
      reaches: null,
    };
  });
  const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
  return {
    rows,
    notes: [
      `  ${whole(CONNECTIONS)} idle connections: growth of master and worker, PSS from … to …`,
      ...found.map(
        ({ name, before, after }) =>
          `    ${name.padEnd(10)} ${megabytes(before.pss)} to ${megabytes(after.pss)} MB`,
      ),
    ],
    data: { connections: CONNECTIONS, found },
  };
}
