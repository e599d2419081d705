/** The scorer alone: reports of 256 clients, and what they cost in processor time of the scorer and of Redis. */
import { performance } from 'node:perf_hooks';
import type { Part } from '../test/harness/gateway.ts';
import { cpuSeconds } from './cpu.ts';
import type { Measured } from './measured.ts';
import type { Options } from './options.ts';
import { browsing, Leases, Sender } from './report.ts';
import { PORTS, type Stand } from './stand.ts';
import { median, row, whole } from './table.ts';

const BATCH = 256;
/** Clients in all: more than one batch, so that windows fill with several reports each. */
const CLIENTS = 20_480;
/** Workers that report at the same time, so that the scorer is never idle. */
const SENDERS = 2;

/** One to three requests since the last report, which was up to a second ago: pairs of age and hits. */
const SINCE: [number, number][][] = [
  [[0, 1]],
  [
    [0, 1],
    [1, 2],
  ],
  [[0, 2]],
];

interface Round {
  clients: number;
  /** Clients scored per second of wall time, of the scorer's processor time and of Redis's. */
  wall: number;
  scorer: number;
  redis: number;
}

/** Reports for so many seconds; answers how many clients were scored. */
async function report(senders: readonly Sender[], seconds: number): Promise<number> {
  const ends = performance.now() + 1000 * seconds;
  let [next, scored] = [0, 0];
  const one = async (sender: Sender): Promise<void> => {
    while (performance.now() < ends) {
      const from = next;
      next = (next + BATCH) % CLIENTS;
      await sender.post(Array.from({ length: BATCH }, (_, i) => browsing(from + i, SINCE[i % 3] ?? [])));
      scored += BATCH;
    }
  };
  await Promise.all(senders.map(one));
  return scored;
}

async function round(
  senders: readonly Sender[],
  parts: { scorer: Part; redis: Part },
  seconds: number,
): Promise<Round> {
  const pids = { scorer: parts.scorer.process?.pid ?? 0, redis: parts.redis.process?.pid ?? 0 };
  const before = { at: performance.now(), scorer: cpuSeconds(pids.scorer), redis: cpuSeconds(pids.redis) };
  const scored = await report(senders, seconds);
  return {
    clients: scored,
    wall: scored / ((performance.now() - before.at) / 1000),
    scorer: scored / (cpuSeconds(pids.scorer) - before.scorer),
    redis: scored / (cpuSeconds(pids.redis) - before.redis),
  };
}

/** Measures the scorer. */
export async function scorerAlone(stand: Stand, options: Options): Promise<Measured> {
  const folder = stand.subfolder('scorer');
  const parts = await stand.scorer(stand.config(folder, PORTS.spare), folder);
  const leases = new Leases();
  const senders = Array.from({ length: SENDERS }, (_, i) => new Sender(PORTS.spare + 2, String(i), leases));
  await report(senders, 2);
  const rounds: Round[] = [];
  leases.granted = 0;
  for (let i = 0; i < options.rounds; i++) rounds.push(await round(senders, parts, options.seconds));
  const granted = leases.granted / rounds.reduce((sum, one) => sum + one.clients, 0);
  for (const sender of senders) sender.close();
  const of = (key: Exclude<keyof Round, 'clients'>): number => median(rounds.map((one) => one[key]));
  const more = `Redis ${whole(1e6 / of('redis'))} µs a client`;
  return {
    rows: [
      row('clients/s for a second of scorer CPU', of('scorer'), whole, { least: [40_000, 80_000] }, more),
    ],
    notes: [
      `scorer: reports of ${BATCH} clients of ${whole(CLIENTS)}, ${SENDERS} under way; the model that ships`,
      `  ${whole(of('wall'))} clients/s; processor time of a client: scorer ${(1e6 / of('scorer')).toFixed(1)} µs,` +
        ` Redis ${(1e6 / of('redis')).toFixed(1)} µs; ${(100 * granted).toFixed(1)} % needed a new lease`,
    ],
    data: { rounds },
  };
}
