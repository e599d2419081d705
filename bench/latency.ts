/** Latency that Scoregate adds: of known clients at half of the load that it can bear, and of clients never seen. */
import { drive, requestText } from './drive.ts';
import { h2load } from './h2load.ts';
import type { Measured } from './measured.ts';
import { gatewayMetrics, shares, since } from './metrics.ts';
import type { Options } from './options.ts';
import { startPeers, type Peer } from './peers.ts';
import { median, percentile, row, whole } from './table.ts';
import type { Stand } from './stand.ts';
import { wrk } from './wrk.ts';

/** First-seen clients: requests of a round, and their rate. */
const NEW = 300;
const NEW_RATE = 200;
/** Addresses from here on have not been seen. */
const FIRST_NEW = 1_000_000;

interface Percentiles {
  p50: number;
  p99: number;
}

const percentiles = (sorted: Float64Array): Percentiles => ({
  p50: percentile(sorted, 0.5),
  p99: percentile(sorted, 0.99),
});

let addresses = FIRST_NEW;

/** Requests of clients never seen, one after the other. */
async function newcomers(peer: Peer): Promise<Float64Array> {
  const request = (): string =>
    requestText(addresses++, {
      'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64)',
      Referer: 'https://www.example.com/',
    });
  return (await drive({ port: peer.port, request, count: NEW, rate: NEW_RATE })).sort();
}

/** Half of the throughput of the slower one, as a short run of wrk finds it. */
async function halfLoad(peers: readonly Peer[]): Promise<number> {
  const rates: number[] = [];
  for (const { port } of peers) {
    await wrk({ port, clients: 1000, seconds: 1 });
    const { answered, seconds } = await wrk({ port, clients: 1000, seconds: 2 });
    rates.push(answered / seconds);
  }
  return Math.min(...rates) / 2;
}

const added = (rounds: readonly Percentiles[][], key: keyof Percentiles): number =>
  median(rounds.map(([plain, ours]) => (ours?.[key] ?? NaN) - (plain?.[key] ?? NaN)));

const ms = (value: number): string => `${value.toFixed(2)} ms`;

/** Measures both, interleaved with plain nginx. */
export async function latency(stand: Stand, options: Options): Promise<Measured> {
  await stand.backend();
  const found = await startPeers(stand, ['nginx', 'Scoregate']);
  const peers = [...found.values()];
  const config = found.get('Scoregate')?.config;
  if (!config) throw new Error('Scoregate has no configuration');
  const rate = await halfLoad(peers);
  for (const peer of peers) await h2load(stand.folder, peer.port, rate, 1);
  const before = (await gatewayMetrics(config)).origins;
  const [known, fresh]: [Percentiles[][], Percentiles[][]] = [[], []];
  for (let round = 0; round < options.rounds; round++) {
    const turn: Percentiles[] = [];
    for (const { port } of peers)
      turn.push(percentiles(await h2load(stand.folder, port, rate, options.seconds)));
    known.push(turn);
  }
  const middle = (await gatewayMetrics(config)).origins;
  for (let round = 0; round < options.rounds; round++) {
    const turn: Percentiles[] = [];
    for (const peer of peers) turn.push(percentiles(await newcomers(peer)));
    fresh.push(turn);
  }
  const after = (await gatewayMetrics(config)).origins;
  const of = (rounds: Percentiles[][], i: number, key: keyof Percentiles): string =>
    ms(median(rounds.map((turn) => turn[i]?.[key] ?? NaN)));
  const says = (rounds: Percentiles[][], key: keyof Percentiles): string =>
    `nginx ${of(rounds, 0, key)}, Scoregate ${of(rounds, 1, key)}`;
  const limits: [string, Percentiles[][], keyof Percentiles, [number, number]][] = [
    ['added latency of a known client, p50', known, 'p50', [0.1, 0.05]],
    ['added latency of a known client, p99', known, 'p99', [0.4, 0.2]],
    ['added latency of a first-seen client, p50', fresh, 'p50', [2, 1]],
    ['added latency of a first-seen client, p99', fresh, 'p99', [10, 5]],
  ];
  return {
    rows: limits.map(([what, rounds, key, most]) =>
      row(what, added(rounds, key), ms, { most }, says(rounds, key)),
    ),
    notes: [
      `latency: h2load at ${whole(rate)} requests/s, half of what wrk reached; 8 known clients on 4 connections each;`,
      `  verdicts: ${shares(since(middle, before))}`,
      `  first-seen clients: ${NEW} a round, ${NEW_RATE} a second; verdicts: ${shares(since(after, middle))}`,
    ],
    data: { rate, known, fresh },
  };
}
