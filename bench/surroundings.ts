/**
 * What surrounds a request, in user-space instructions above a request without it (see instructions.ts for how they
 * are counted): access lists of ten and of 10,000 networks, a pinned client, a pool that Lua balances, the cache, details in
 * the log.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Overrides } from '../config/schema.ts';
import type { Part } from '../test/harness/gateway.ts';
import { startCallgrind, WARM } from './callgrind.ts';
import { drive, requestText } from './drive.ts';
import { CLIENTS, makeKnown, RATE } from './instructions.ts';
import type { Measured } from './measured.ts';
import { drained } from './metrics.ts';
import { liveTiers } from './site.ts';
import { PORTS, type Stand } from './stand.ts';
import { row, whole, type Row } from './table.ts';

const networks = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `172.${16 + (i >> 12)}.${(i >> 4) & 255}.${(i & 15) * 16}/28`);

/** What is switched on, and the most instructions that it may cost and should. */
const CASES: [name: string, changed: Overrides, limits: [number, number]][] = [
  ['an access list of 10 networks', { access: { deny: networks(10) } }, [2000, 1000]],
  ['an access list of 10,000 networks', { access: { deny: networks(10_000) } }, [2000, 1000]],
  ['a pinned client', { access: { pin: { slow: ['10.0.0.0/8'] } } }, [2000, 1000]],
  ['a pool that Lua balances', { tiers: liveTiers(['fast', 'standard', 'slow']) }, [20_000, 10_000]],
  ['an answer from the cache', { cache: { enabled: true, ttl_s: 600 } }, [40_000, 20_000]],
  [
    'headers and 1 kB of bodies in the log',
    { logs: { headers: true, body_bytes: 1024 } },
    [200_000, 100_000],
  ],
];

/** Instructions of a request with these changes to the configuration. */
async function count(stand: Stand, scorer: Part, name: string, changed: Overrides): Promise<number> {
  const folder = stand.subfolder(name.replaceAll(/\W/g, '-'));
  const config = stand.config(folder, PORTS.scoregate, { scorer: { timeout_ms: 10_000 }, ...changed });
  const nginx = await startCallgrind(stand, config, folder, {});
  const { port } = config.listen;
  const request = (i: number): string => requestText(i % CLIENTS, {});
  await makeKnown(config, folder);
  await drive({ port, request, count: WARM, rate: RATE });
  await drained(config);
  scorer.signal('SIGSTOP');
  try {
    await sleep(1500); // the next heartbeat is on its way, and stays there
    return await nginx.perRequest(request);
  } finally {
    scorer.signal('SIGCONT');
    await nginx.end();
  }
}

export async function surroundings(stand: Stand): Promise<Measured> {
  await stand.backend();
  const folder = stand.subfolder('surroundings');
  const { scorer } = await stand.scorer(stand.config(folder, PORTS.scoregate), folder);
  const without = await count(stand, scorer, 'without', {});
  const rows: Row[] = [];
  const data: Record<string, unknown> = { without };
  for (const [name, changed, most] of CASES) {
    const above = (await count(stand, scorer, name, changed)) - without;
    rows.push(row(name, above, plus, { most }));
    data[name] = above;
  }
  return { rows, data, notes: [`instructions above a request without it, which takes ${whole(without)}`] };
}

const plus = (value: number): string => `${value < 0 ? '' : '+'}${whole(value)}`;
