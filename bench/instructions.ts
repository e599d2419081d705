/**
 * User-space instructions of a request, counted by valgrind's callgrind: the same whatever else the machine does. What
 * 4,500 requests take less what the first 500 of them took, divided by 4,000, leaves out starting and warming up.
 *
 * Reports to the scorer go by time, not by requests: a slower run would count more of them. So the scorer is stopped
 * while the 4,000 are counted (all clients hold leases, and the sender waits for its one answer), and what a report
 * costs is counted afterwards, over requests at a fixed pace.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import type { Part } from '../test/harness/gateway.ts';
import { startCallgrind, WARM } from './callgrind.ts';
import { BROWSER, clientAddress, drive, requestText } from './drive.ts';
import type { Measured } from './measured.ts';
import { drained, gatewayMetrics, scorerMetric, shares, since } from './metrics.ts';
import { minimalConf, plainConf } from './plain.ts';
import { PORTS, type Stand } from './stand.ts';
import { row, whole, type Row } from './table.ts';

export const CLIENTS = 50;
/** Requests and their rate for what a report costs. */
const PACED = 1500;
export const RATE = 500;
const SCORED = 'scoregate_clients_scored_total';

type Proxy = 'scoregate' | 'plain' | 'minimal';
const PORT: Record<Proxy, number> = { scoregate: PORTS.scoregate, plain: PORTS.nginx, minimal: PORTS.spare };
type Headers = Record<string, string>;

interface Scoregate {
  instructions: number;
  /** The 4,000 requests by the origin of their verdict. */
  origins: Record<string, number>;
  /** Instructions of reporting one client, its verdict included. */
  report: number;
}

const requests = (headers: Headers) => (i: number) => requestText(i % CLIENTS, headers);

/** Counts a plain proxy's request. */
async function plainly(stand: Stand, proxy: 'plain' | 'minimal', headers: Headers): Promise<number> {
  const folder = stand.subfolder(`${proxy}-${Object.keys(headers).length}`);
  const port = PORT[proxy];
  const change = proxy === 'plain' ? plainConf : () => minimalConf(folder, port, PORTS.backends[2]);
  const nginx = await startCallgrind(stand, stand.config(folder, port), folder, { change, lua: false });
  const request = requests(headers);
  await drive({ port, request, count: WARM });
  const instructions = await nginx.perRequest(request);
  await nginx.end();
  return instructions;
}

/** Counts Scoregate's request, and then a report. */
async function scoregate(stand: Stand, scorer: Part, headers: Headers): Promise<Scoregate> {
  const folder = stand.subfolder(`scoregate-${Object.keys(headers).length}`);
  // No answer within 10 s, instead of 250 ms, is a failure: longer than the 4,000 requests take.
  const config = stand.config(folder, PORT.scoregate, { scorer: { timeout_ms: 10_000 } });
  const nginx = await startCallgrind(stand, config, folder, {});
  const request = requests(headers);
  const { port } = config.listen;
  await makeKnown(config, folder);
  await drive({ port, request, count: WARM, rate: RATE });
  await drained(config);
  const before = await gatewayMetrics(config);

  scorer.signal('SIGSTOP');
  await sleep(1500); // the next heartbeat is on its way, and stays there
  const instructions = await nginx.perRequest(request);
  scorer.signal('SIGCONT');
  const { origins } = await gatewayMetrics(config);

  await drained(config);
  const scored = await scorerMetric(config, SCORED);
  await nginx.count();
  await drive({ port, request, count: PACED, rate: RATE });
  const paced = await nginx.count();
  const reports = (await scorerMetric(config, SCORED)) - scored;
  await nginx.end();
  return {
    instructions,
    origins: since(origins, before.origins),
    report: (paced - PACED * instructions) / reports,
  };
}

/**
 * Reports in the gateway's name that each client has just made 600 requests: known clients are in the tier slow, as at
 * 10 requests a second they would be anyway.
 */
export async function makeKnown(config: Config, folder: string): Promise<void> {
  const { gateway } = JSON.parse(readFileSync(join(folder, 'gateway.json'), 'utf8')) as { gateway: string };
  const clients = Array.from({ length: CLIENTS }, (_, k) => ({ ip: clientAddress(k), hits: [[0, 600]] }));
  const body = JSON.stringify({ sender: `${gateway}/bench/1`, seq: Date.now(), held: 0, clients });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`http://${config.scorer.listen}/score_ip`, { method: 'POST', headers, body });
  if (!answer.ok)
    throw new Error(`the scorer does not take a report: ${answer.status} ${await answer.text()}`);
}

/** Measures with bare requests and with a browser's headers. */
export async function instructions(stand: Stand): Promise<Measured> {
  await stand.backend();
  const folder = stand.subfolder('instructions');
  const { scorer } = await stand.scorer(stand.config(folder, PORTS.scoregate), folder);
  const rows: Row[] = [];
  const data: Record<string, unknown> = {};
  const notes = [
    `instructions: ${CLIENTS} known clients in the tier slow, all observations on. Plain nginx is the same configuration`,
    '  and log less the Lua; a minimal proxy has no realip, no maps and the combined log.',
  ];
  for (const [name, headers] of [
    ['bare', {}],
    ["a browser's headers", BROWSER],
  ] as const) {
    const plain = await plainly(stand, 'plain', headers);
    const minimal = await plainly(stand, 'minimal', headers);
    const ours = await scoregate(stand, scorer, headers);
    const above = ours.instructions - plain;
    const more = `Scoregate ${whole(ours.instructions)}, nginx ${whole(plain)}`;
    rows.push(row(`instructions above nginx's, ${name}`, above, plus, { most: [12_000, 9_000] }, more));
    notes.push(
      `  ${name}: verdicts ${shares(ours.origins)}; a client's report ${whole(ours.report)} more, about one`,
    );
    notes.push(
      `    for 15 requests at 15,000 requests/s of 1,000 clients; a minimal proxy's request ${whole(minimal)}`,
    );
    data[name] = { above, plain, minimal, scoregate: ours };
  }
  return { rows, data, notes };
}

const plus = (value: number): string => `+${whole(value)}`;
