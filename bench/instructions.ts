/**
 * User-space instructions of a request, counted by valgrind's callgrind: the same whatever else the machine does. One
 * run of 4,500 requests less one of 500, divided by 4,000, leaves out what starting and warming up cost.
 *
 * 50 known clients make 500 requests a second in all. That many, and not as fast as it goes, because reports to the
 * scorer go by time: a run that took longer would count more of them. It makes one client reported for about 12
 * requests, as in the measurement of throughput (1,000 clients, 15,000 requests a second).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { callgrind } from './callgrind.ts';
import { BROWSER, clientAddress, drive, requestText } from './drive.ts';
import type { Measured } from './measured.ts';
import { gatewayMetrics, scorerMetric, shares } from './metrics.ts';
import { minimalConf, plainConf } from './plain.ts';
import { PORTS, type NginxOptions, type Stand } from './stand.ts';
import { row, whole, type Row } from './table.ts';

const SHORT = 500;
const LONG = 4500;
const CLIENTS = 50;
const RATE = 500;
const SCORED = 'scoregate_clients_scored_total';

type Proxy = 'scoregate' | 'plain' | 'minimal';
const PORT: Record<Proxy, number> = { scoregate: PORTS.scoregate, plain: PORTS.nginx, minimal: PORTS.spare };

interface Run {
  instructions: number;
  /** Requests by the origin of their verdict, and clients reported to the scorer; nothing of plain nginx. */
  origins: Record<string, number>;
  reports: number;
}

/** Counts the instructions of one run of `count` requests, from nginx's start to its end. */
async function run(stand: Stand, proxy: Proxy, headers: Record<string, string>, count: number): Promise<Run> {
  const folder = stand.subfolder(`${proxy}-${Object.keys(headers).length}-${count}`);
  const config = stand.config(folder, PORT[proxy]);
  const changes: Record<Proxy, NginxOptions> = {
    scoregate: {},
    plain: { change: plainConf, lua: false },
    minimal: { change: () => minimalConf(folder, PORT.minimal, PORTS.backends[2]), lua: false },
  };
  const ours = proxy === 'scoregate';
  const { instructions, used } = await callgrind(stand, config, folder, changes[proxy], async () => {
    const scored = ours ? await makeKnown(config, folder) : 0;
    const request = (i: number): string => requestText(i % CLIENTS, headers);
    await drive({ port: config.listen.port, request, count, rate: ours ? RATE : Infinity });
    if (!ours) return { origins: {}, reports: 0 };
    const { origins } = await gatewayMetrics(config);
    return { origins, reports: (await scorerMetric(config, SCORED)) - scored };
  });
  return { instructions, ...used };
}

/**
 * Reports in the gateway's name that each client has just made 600 requests: known clients are in the tier slow, as at
 * 10 requests a second they would be anyway. Answers how many clients the scorer has scored so far.
 */
async function makeKnown(config: Config, folder: string): Promise<number> {
  const { gateway } = JSON.parse(readFileSync(join(folder, 'gateway.json'), 'utf8')) as { gateway: string };
  const clients = Array.from({ length: CLIENTS }, (_, k) => ({ ip: clientAddress(k), hits: [[0, 600]] }));
  const body = JSON.stringify({ sender: `${gateway}/bench/1`, seq: Date.now(), held: 0, clients });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`http://${config.scorer.listen}/score_ip`, { method: 'POST', headers, body });
  if (!answer.ok)
    throw new Error(`the scorer does not take a report: ${answer.status} ${await answer.text()}`);
  return scorerMetric(config, SCORED);
}

/** Instructions of one request: the long run less the short one. */
async function perRequest(stand: Stand, proxy: Proxy, headers: Record<string, string>): Promise<Run> {
  const short = await run(stand, proxy, headers, SHORT);
  const long = await run(stand, proxy, headers, LONG);
  return {
    instructions: (long.instructions - short.instructions) / (LONG - SHORT),
    origins: long.origins,
    reports: long.reports - short.reports,
  };
}

/** The two plain peers one after the other, beside Scoregate: no count depends on what else runs. */
async function compare(stand: Stand, headers: Record<string, string>): Promise<Record<Proxy, Run>> {
  const plainOnes = async (): Promise<[Run, Run]> => [
    await perRequest(stand, 'plain', headers),
    await perRequest(stand, 'minimal', headers),
  ];
  const [scoregate, [plain, minimal]] = await Promise.all([
    perRequest(stand, 'scoregate', headers),
    plainOnes(),
  ]);
  return { scoregate, plain, minimal };
}

/** Measures with bare requests and with a browser's headers. */
export async function instructions(stand: Stand): Promise<Measured> {
  await stand.backend();
  const folder = stand.subfolder('instructions');
  await stand.scorer(stand.config(folder, PORTS.scoregate), folder);
  const rows: Row[] = [];
  const data: Record<string, unknown> = {};
  const notes = [
    `instructions: ${CLIENTS} known clients in the tier slow, ${RATE} requests/s, all observations on. Plain nginx is`,
    '  the same configuration and log less the Lua; a minimal proxy has no realip, no maps and the combined log.',
  ];
  for (const [name, headers] of [
    ['bare', {}],
    ["a browser's headers", BROWSER],
  ] as const) {
    const found = await compare(stand, headers);
    const { scoregate, plain, minimal } = found;
    const above = scoregate.instructions - plain.instructions;
    const more = `Scoregate ${whole(scoregate.instructions)}, nginx ${whole(plain.instructions)}`;
    rows.push(row(`instructions above nginx's, ${name}`, above, plus, { most: [12_000, 9_000] }, more));
    const said = `verdicts ${shares(scoregate.origins)}; ${scoregate.reports} clients reported in ${LONG - SHORT} requests`;
    notes.push(`  ${name}: ${said}; a minimal proxy ${whole(minimal.instructions)}`);
    data[name] = { above, ...found };
  }
  return { rows, data, notes };
}

const plus = (value: number): string => `+${whole(value)}`;
