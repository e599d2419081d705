/** Throughput and processor time of the proxies side by side: interleaved rounds of wrk, medians of each. */
import type { Config } from '../config/schema.ts';
import { load, makeKnown, sentTo } from './known.ts';
import type { Measured } from './measured.ts';
import { drained, gatewayMetrics, scorerMetric, shares, since } from './metrics.ts';
import type { Options } from './options.ts';
import { startPeers, type Peer, type PeerName } from './peers.ts';
import { figure, row, times, whole, type Row } from './table.ts';
import type { Stand } from './stand.ts';
import { cpuRatio, interleaved, linesOf, rate, ratio, type Turns } from './turns.ts';
import { CONNECTIONS, type WrkResult } from './wrk.ts';

const CROWDS = [1000, 10_000, 100_000];
/** [must, aim] against plain nginx, for each number of clients. */
const LIMITS: Record<number, [number, number]> = {
  1000: [0.9, 0.95],
  10000: [0.87, 0.95],
  100000: [0.75, 0.85],
};
/** Of load, not counted: V8 and LuaJIT compile what is hot, and windows fill, before what is measured is what goes on. */
const WARM_S = 15;
const NAMES: readonly PeerName[] = ['nginx', 'empty Lua', 'HAProxy', 'Scoregate', 'original'];
/** They do the same whoever asks, and are measured with 1,000 clients only. */
const ONCE: readonly string[] = ['empty Lua', 'original'];

interface Crowd {
  clients: number;
  turns: Turns<WrkResult>;
  /** Scoregate's requests meanwhile, by where the verdict came from and by tier. */
  origins: Record<string, number>;
  tiers: Record<string, number>;
}

/** All proxies' turns with so many clients. */
async function crowd(
  peers: Map<PeerName, Peer>,
  config: Config,
  clients: number,
  options: Options,
): Promise<Crowd> {
  const scoregate = peers.get('Scoregate');
  if (scoregate) {
    await makeKnown(scoregate, clients);
    await load(scoregate, clients, WARM_S);
  }
  const before = await gatewayMetrics(config);
  const present = [...peers.values()].filter(({ name }) => !ONCE.includes(name) || clients <= 1000);
  const turns = await interleaved(present, (peer, seconds) => load(peer, clients, seconds), options);
  const now = await gatewayMetrics(config);
  const [origins, tiers] = [since(now.origins, before.origins), since(now.tiers, before.tiers)];
  return { clients, turns, origins, tiers };
}

function rowsOf(found: Crowd): Row[] {
  const { clients, turns } = found;
  const limits = LIMITS[clients] ?? [0, 0];
  const cpu = (name: PeerName): string => cpuRatio(turns, 'Scoregate', name);
  const against = (name: PeerName): number => ratio(turns, 'Scoregate', name, rate);
  const who = `${whole(clients)} clients`;
  const rows = [
    row(`throughput against nginx, ${who}`, against('nginx'), times, { least: limits }, cpu('nginx')),
  ];
  if (turns.has('empty Lua')) {
    const of = ratio(turns, 'empty Lua', 'nginx', rate);
    const what = `two empty Lua phases and an upstream by variable, ${who}`;
    rows.push(figure(what, of, times, cpuRatio(turns, 'empty Lua', 'nginx')));
  }
  const aim = { least: [0, 1] as [number, number] };
  const haproxy = row(`throughput against HAProxy, ${who}`, against('HAProxy'), times, aim, cpu('HAProxy'));
  rows.push({ ...haproxy, must: '', meets: null });
  if (turns.has('original')) {
    const what = `throughput against the original, ${who}`;
    rows.push(row(what, against('original'), times, { least: [2.5, 3] }, cpu('original')));
  }
  return rows;
}

function notesOf({ clients, turns, origins, tiers }: Crowd): string[] {
  const where = `    Scoregate's verdicts: ${shares(origins)}; tiers: ${shares(tiers)}`;
  return [`  ${whole(clients)} clients:`, ...linesOf(turns), where];
}

/** What the scorer counted is what wrk sent, or there is a fault in it. */
async function exact(config: Config): Promise<{ note: string; errors: string[]; counted: number }> {
  const sent = sentTo('Scoregate');
  await drained(config, 30_000);
  const counted = await scorerMetric(config, 'scoregate_hits_total');
  const lost = (await gatewayMetrics(config)).value('scoregate_lost_hits_total');
  const same = counted === sent;
  const figures = `wrk sent ${whole(sent)} requests, the scorer counted ${whole(counted)}`;
  const error = `counts are not exact: ${figures} (${lost} lost with forgotten clients)`;
  return { note: `  ${figures}${same ? ': exact' : ''}`, errors: same ? [] : [error], counted };
}

/** Measures throughput with each number of clients, and that every hit was counted. */
export async function throughput(stand: Stand, options: Options): Promise<Measured> {
  await stand.backend();
  const peers = await startPeers(stand, NAMES);
  const config = peers.get('Scoregate')?.config;
  if (!config) throw new Error('Scoregate has no configuration');
  const crowds: Crowd[] = [];
  for (const clients of CROWDS) crowds.push(await crowd(peers, config, clients, options));
  const { note, errors, counted } = await exact(config);
  return {
    rows: crowds.flatMap(rowsOf),
    notes: [
      `throughput: ${options.rounds} interleaved rounds of ${options.seconds} s, wrk with ${CONNECTIONS} connections;`,
      '  requests and CPU time per request are medians, ratios medians of the ratios of each round. The model that',
      '  ships. nginx, Scoregate and the original design log through a buffer; HAProxy writes each line to a file.',
      `  Scoregate is measured after ${WARM_S} s of the same load.`,
      ...crowds.flatMap(notesOf),
      note,
    ],
    data: {
      connections: CONNECTIONS,
      sent: sentTo('Scoregate'),
      counted,
      crowds: crowds.map((one) => ({ ...one, turns: Object.fromEntries(one.turns) })),
    },
    errors,
  };
}
