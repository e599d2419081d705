/** Memory for each tracked client: the gateway's, as its worker grows with 100,000 of them, and Redis's. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { childrenOf } from '../launch/processes.ts';
import { makeKnown } from './known.ts';
import type { Measured } from './measured.ts';
import { gatewayMetrics } from './metrics.ts';
import { startScoregate } from './peers.ts';
import { resident } from './resident.ts';
import { browsing, Sender, type ReportedClient } from './report.ts';
import { PORTS, type Stand } from './stand.ts';
import { row, whole, type Row } from './table.ts';

const CLIENTS = 100_000;
/** Clients whose windows are made in Redis: typical ones, and ones as busy as a window can hold. */
const TYPICAL = 20_000;
const BUSIEST = 2_000;
/** A window has a bucket for each 5 s of its minute (docs/scorer.md). */
const BUCKETS = 12;
const BUCKET_MS = 5000;
const BATCH = 500;

interface GatewayMemory {
  clients: number;
  grown: number;
  record: number;
}

/** How much nginx's worker grows when it comes to know 100,000 clients, all with verdicts. */
async function gatewayMemory(stand: Stand): Promise<GatewayMemory> {
  const peer = await startScoregate(stand);
  const [worker] = childrenOf(peer.pid);
  if (!peer.config || worker === undefined) throw new Error('Scoregate has no worker');
  // Code is compiled and buffers are made for the first requests already.
  await makeKnown(peer, 1000);
  const before = { bytes: resident(worker).rss, clients: 1000 };
  await makeKnown(peer, CLIENTS);
  const { value } = await gatewayMetrics(peer.config);
  const clients = value('scoregate_clients');
  const grown = (resident(worker).rss - before.bytes) / (clients - before.clients);
  return { clients, grown, record: value('scoregate_client_bytes') };
}

async function usedMemory(redis: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
}

async function report(sender: Sender, from: number, n: number, client: (k: number) => ReportedClient) {
  for (let k = from; k < from + n; k += BATCH) {
    const size = Math.min(BATCH, from + n - k);
    await sender.post(Array.from({ length: size }, (_, i) => client(k + i)));
  }
}

/** Ten requests within half a minute, in three reports; and every second's hits and every observation for a minute. */
async function redisMemory(stand: Stand): Promise<{ typical: number; busiest: number }> {
  const folder = stand.subfolder('windows');
  await stand.scorer(stand.config(folder, PORTS.spare), folder);
  const redis = new Redis({ port: PORTS.spare + 3, host: '127.0.0.1' });
  stand.also(async () => redis.disconnect());
  const sender = new Sender(PORTS.spare + 2, '1');
  await report(sender, 0, BATCH, (k) => browsing(k, [[0, 1]])); // what the first report makes once
  const empty = await usedMemory(redis);
  const some: [number, number][][] = [[[0, 3], [4, 1]], [[1, 2], [3, 1]], [[0, 1], [2, 2]]]; // prettier-ignore
  for (const hits of some) {
    await report(sender, BATCH, TYPICAL, (k) => browsing(k, hits));
    await sleep(BUCKET_MS);
  }
  const typical = ((await usedMemory(redis)) - empty) / TYPICAL;

  const all = { errors_4xx: 9, errors_5xx: 1, other_methods: 20, blind_posts: 3, tools: 50 };
  const busy = (k: number): ReportedClient => ({
    ...browsing(
      k,
      [0, 1, 2, 3, 4].map((age) => [age, 200]),
    ),
    ...all,
    pages_no_referer: 40,
    no_user_agent: 10,
  });
  const before = await usedMemory(redis);
  for (let i = 0; i < BUCKETS; i++) {
    const next = Date.now() + BUCKET_MS;
    await report(sender, BATCH + TYPICAL, BUSIEST, busy);
    if (i < BUCKETS - 1) await sleep(Math.max(0, next - Date.now()));
  }
  sender.close();
  // Of the typical ones none is gone yet: their records live as long as a hold may.
  return { typical, busiest: ((await usedMemory(redis)) - before) / BUSIEST };
}

const bytes = (value: number): string => `${whole(value)} B`;

/** Measures both at the same time: it is not time that is measured. */
export async function memory(stand: Stand): Promise<Measured> {
  await stand.backend();
  const [gateway, redis] = await Promise.all([gatewayMemory(stand), redisMemory(stand)]);
  const more = `a record is ${gateway.record} B`;
  const rows: Row[] = [
    row('memory of a client, gateway', gateway.grown, bytes, { most: [512, 256] }, more),
    row('memory of a client, Redis, typical', redis.typical, bytes, { most: [1024, 256] }, '10 requests'),
    row('memory of a client, Redis, busiest', redis.busiest, bytes, { most: [1024, 256] }, '12,000 requests'),
  ];
  return {
    rows,
    notes: [
      `memory: growth of the worker's resident memory with ${whole(gateway.clients)} clients, index and lists included;`,
      `  growth of Redis's used_memory with ${whole(TYPICAL)} typical clients (3 reports) and with ${whole(BUSIEST)} that`,
      '  make requests in each second and show every observation in each 5 s of a minute',
    ],
    data: { gateway, redis },
  };
}
