/** Throughput and processor time of the four proxies side by side: interleaved rounds of wrk, medians of each. */
import type { Config } from '../config/schema.ts';
import { busySince, coreTimes } from './cpu.ts';
import { load, makeKnown, sentTo } from './known.ts';
import type { Measured } from './measured.ts';
import { drained, gatewayMetrics, scorerMetric, shares, since } from './metrics.ts';
import type { Options } from './options.ts';
import { startPeers, type Peer, type PeerName } from './peers.ts';
import { median, row, times, whole, type Row } from './table.ts';
import type { Stand } from './stand.ts';
import { CONNECTIONS, type WrkResult } from './wrk.ts';

/** One turn of one proxy. */
interface Turn extends WrkResult {
  rate: number;
  /** Processor µs of the proxy for a request. */
  cpu_us: number;
  /** How busy the cores were, from 0 to 1. */
  busy: { gateway: number; others: number };
}

const CROWDS = [1000, 10_000, 100_000];
/** [must, aim] against plain nginx, for each number of clients. */
const LIMITS: Record<number, [number, number]> = {
  1000: [0.9, 0.95],
  10000: [0.87, 0.95],
  100000: [0.75, 0.85],
};
const NAMES: readonly PeerName[] = ['nginx', 'HAProxy', 'Scoregate', 'original'];

/** A second to settle, which is not counted, then the turn. */
async function turn(peer: Peer, clients: number, seconds: number): Promise<Turn> {
  await load(peer, clients, 1);
  const [cpu, cores] = [peer.cpu(), coreTimes()];
  const result = await load(peer, clients, seconds);
  const busy = busySince(cores);
  const cpu_us = ((peer.cpu() - cpu) / result.answered) * 1e6;
  return { ...result, rate: result.answered / result.seconds, cpu_us, busy };
}

type Turns = Map<PeerName, Turn[]>;

interface Crowd {
  clients: number;
  turns: Turns;
  /** Scoregate's requests meanwhile, by where the verdict came from and by tier. */
  origins: Record<string, number>;
  tiers: Record<string, number>;
}

/** All proxies' turns with so many clients, interleaved: A B C D A B C D … */
async function crowd(
  peers: Map<PeerName, Peer>,
  config: Config,
  clients: number,
  options: Options,
): Promise<Crowd> {
  const scoregate = peers.get('Scoregate');
  if (scoregate) await makeKnown(scoregate, clients);
  const before = await gatewayMetrics(config);
  const turns: Turns = new Map();
  for (let round = 0; round < options.rounds; round++) {
    for (const [name, peer] of peers) {
      // The original design is compared with 1,000 clients only: it does the same whoever asks.
      if (name === 'original' && clients > 1000) continue;
      const done = turns.get(name) ?? [];
      turns.set(name, [...done, await turn(peer, clients, options.seconds)]);
    }
  }
  const now = await gatewayMetrics(config);
  const [origins, tiers] = [since(now.origins, before.origins), since(now.tiers, before.tiers)];
  return { clients, turns, origins, tiers };
}

/** Median over the rounds of a figure of one proxy divided by that of another in the same round. */
function ratio({ turns }: Crowd, a: PeerName, b: PeerName, figure: (turn: Turn) => number): number {
  const theirs = turns.get(b) ?? [];
  return median((turns.get(a) ?? []).map((one, i) => figure(one) / (theirs[i] ? figure(theirs[i]) : NaN)));
}

const rate = (one: Turn): number => one.rate;
const cost = (one: Turn): number => one.cpu_us;

function rowsOf(found: Crowd): Row[] {
  const { clients, turns } = found;
  const limits = LIMITS[clients] ?? [0, 0];
  const cpu = (name: PeerName): string => `CPU ${times(ratio(found, 'Scoregate', name, cost))}`;
  const against = (name: PeerName): number => ratio(found, 'Scoregate', name, rate);
  const who = `${whole(clients)} clients`;
  const rows = [
    row(`throughput against nginx, ${who}`, against('nginx'), times, { least: limits }, cpu('nginx')),
  ];
  const haproxy = row(`throughput against HAProxy, ${who}`, against('HAProxy'), times, { least: [0, 1] });
  rows.push({ ...haproxy, measured: `${haproxy.measured} (${cpu('HAProxy')})`, must: '', meets: null });
  if (turns.has('original')) {
    const what = `throughput against the original, ${who}`;
    rows.push(row(what, against('original'), times, { least: [2.5, 3] }, cpu('original')));
  }
  return rows;
}

/** A line for each proxy: requests a second, processor time, how busy the cores were. */
function notesOf({ clients, turns, origins, tiers }: Crowd): string[] {
  const lines = [...turns].map(([name, all]) => {
    const figure = (of: (one: Turn) => number): number => median(all.map(of));
    const [own, others] = [figure((one) => one.busy.gateway), figure((one) => one.busy.others)];
    const percent = (share: number): string => `${Math.round(100 * share)} %`;
    const limited = others > 0.95 && others > own ? ', which limit it' : '';
    return (
      `    ${name.padEnd(10)} ${whole(figure(rate)).padStart(7)} requests/s  ${figure(cost).toFixed(1).padStart(6)} µs` +
      `  its core ${percent(own)} busy, the others ${percent(others)}${limited}`
    );
  });
  const where = `    Scoregate's verdicts: ${shares(origins)}; tiers: ${shares(tiers)}`;
  return [`  ${whole(clients)} clients:`, ...lines, where];
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
