/**
 * User-space instructions of a request, counted by valgrind's callgrind: the same whatever else the machine does. One
 * run of 4,500 requests less one of 500, divided by 4,000, leaves out what starting and warming up cost.
 *
 * 50 known clients make 500 requests a second in all. That many, and not as fast as it goes, because reports to the
 * scorer go by time: a run that took longer would count more of them. It makes one client reported for each 10
 * requests, about as in the measurement of throughput (1,000 clients, 15,000 requests a second).
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { BROWSER, clientAddress, drive, requestText } from './drive.ts';
import { plainConf } from './plain.ts';
import type { Measured } from './measured.ts';
import { gatewayMetrics, scorerMetric, shares } from './metrics.ts';
import { PORTS, type Stand } from './stand.ts';
import { row, whole, type Row } from './table.ts';

const SHORT = 500;
const LONG = 4500;
const CLIENTS = 50;
const RATE = 500;
const SCORED = 'scoregate_clients_scored_total';

interface Run {
  instructions: number;
  /** Requests by the origin of their verdict; nothing of plain nginx. */
  origins: Record<string, number>;
  /** Clients reported to the scorer. */
  reports: number;
}

/** Counts the instructions of one run of `count` requests, from nginx's start to its end. */
async function run(
  stand: Stand,
  plain: boolean,
  headers: Record<string, string>,
  count: number,
): Promise<Run> {
  const name = `${plain ? 'plain' : 'scoregate'}-${Object.keys(headers).length}-${count}`;
  const folder = stand.subfolder(name);
  const config = stand.config(folder, plain ? PORTS.nginx : PORTS.scoregate);
  const out = join(folder, 'callgrind.out');
  const part = await stand.gateway(name, config, folder, {
    before: ['valgrind', '--tool=callgrind', `--callgrind-out-file=${out}`],
    globals: 'daemon off; master_process off;',
    ...(plain ? { change: plainConf, lua: false } : {}),
  });
  const scored = plain ? 0 : await makeKnown(config, folder);
  const request = (i: number): string => requestText(i % CLIENTS, headers);
  await drive({ port: config.listen.port, request, count, rate: RATE });
  const { origins } = plain ? { origins: {} } : await gatewayMetrics(config);
  const reports = plain ? 0 : (await scorerMetric(config, SCORED)) - scored;
  await part.end('SIGTERM');
  const total = /^(?:summary|totals): (\d+)/m.exec(readFileSync(out, 'utf8'))?.[1];
  if (total === undefined)
    throw new Error(`valgrind left no count of instructions:\n${part.output.slice(-2000)}`);
  return { instructions: Number(total), origins, reports };
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
async function perRequest(stand: Stand, plain: boolean, headers: Record<string, string>): Promise<Run> {
  const short = await run(stand, plain, headers, SHORT);
  const long = await run(stand, plain, headers, LONG);
  return {
    instructions: (long.instructions - short.instructions) / (LONG - SHORT),
    origins: long.origins,
    reports: long.reports - short.reports,
  };
}

/** Measures with bare requests and with a browser's headers. */
export async function instructions(stand: Stand): Promise<Measured> {
  await stand.backend();
  const folder = stand.subfolder('instructions');
  await stand.scorer(stand.config(folder, PORTS.scoregate), folder);
  const rows: Row[] = [];
  const data: Record<string, unknown> = {};
  const notes: string[] = [];
  for (const [name, headers] of [
    ['bare', {}],
    ["a browser's headers", BROWSER],
  ] as const) {
    // Both at once: neither's count depends on what else runs.
    const [plain, ours] = await Promise.all([
      perRequest(stand, true, headers),
      perRequest(stand, false, headers),
    ]);
    const more = `plain nginx ${whole(plain.instructions)}, Scoregate ${whole(ours.instructions)}`;
    const above = ours.instructions - plain.instructions;
    rows.push(row(`instructions above nginx's, ${name}`, above, plus, { most: [12_000, 9_000] }, more));
    notes.push(
      `  ${name}: verdicts ${shares(ours.origins)}; ${ours.reports} reports of clients in ${LONG - SHORT} requests`,
    );
    data[name] = { plain: plain.instructions, scoregate: ours.instructions, above, ...ours };
  }
  notes.unshift(
    `instructions: ${CLIENTS} known clients in the tier slow, ${RATE} requests/s, all observations on`,
  );
  return { rows, data, notes };
}

const plus = (value: number): string => `+${whole(value)}`;
