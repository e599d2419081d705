/** Proxies that are measured side by side by time: each has its turn in every round, and the rounds are compared. */
import { busySince, coreTimes } from './cpu.ts';
import type { Options } from './options.ts';
import type { Peer } from './peers.ts';
import { median, times, whole } from './table.ts';

/** What a load generator says of a run. */
export interface Load {
  answered: number;
  seconds: number;
}

/** One turn of one proxy, and what its load generator said. */
export type Turn<L extends Load = Load> = L & {
  rate: number;
  /** Processor µs of the proxy for a request. */
  cpu_us: number;
  /** How busy the cores were, from 0 to 1. */
  busy: { gateway: number; others: number };
};

/** The turns of each proxy, by its name, round by round. */
export type Turns<L extends Load = Load> = Map<string, Turn<L>[]>;

type Run<L extends Load> = (peer: Peer, seconds: number) => Promise<L>;

/** A second to settle, which is not counted, then the turn. */
async function turn<L extends Load>(peer: Peer, run: Run<L>, seconds: number): Promise<Turn<L>> {
  await run(peer, 1);
  const [cpu, cores] = [peer.cpu(), coreTimes()];
  const result = await run(peer, seconds);
  const busy = busySince(cores);
  const cpu_us = ((peer.cpu() - cpu) / result.answered) * 1e6;
  return { ...result, rate: result.answered / result.seconds, cpu_us, busy };
}

/** All proxies' turns, interleaved: A B C D A B C D … */
export async function interleaved<L extends Load>(
  peers: Iterable<Peer>,
  run: Run<L>,
  { rounds, seconds }: Pick<Options, 'rounds' | 'seconds'>,
): Promise<Turns<L>> {
  const turns: Turns<L> = new Map();
  const all = [...peers];
  for (let round = 0; round < rounds; round++) {
    for (const peer of all) {
      const done = turns.get(peer.name) ?? [];
      turns.set(peer.name, [...done, await turn(peer, run, seconds)]);
    }
  }
  return turns;
}

export const rate = (one: Turn): number => one.rate;
export const cost = (one: Turn): number => one.cpu_us;

/** Median over the rounds of a figure of proxy `a` divided by that of `b` in the same round; NaN without rounds. */
export function ratio(turns: Turns, a: string, b: string, figure: (turn: Turn) => number): number {
  const theirs = turns.get(b) ?? [];
  return median((turns.get(a) ?? []).map((one, i) => figure(one) / (theirs[i] ? figure(theirs[i]) : NaN)));
}

/** `CPU 1.20x`: what a request costs proxy `a`, against `b`. */
export const cpuRatio = (turns: Turns, a: string, b: string): string =>
  `CPU ${times(ratio(turns, a, b, cost))}`;

/** A line for each proxy: requests a second, processor time, how busy the cores were. */
export function linesOf(turns: Turns): string[] {
  const width = Math.max(10, ...[...turns.keys()].map((name) => name.length));
  return [...turns].map(([name, all]) => {
    const figure = (of: (one: Turn) => number): number => median(all.map(of));
    const [own, others] = [figure((one) => one.busy.gateway), figure((one) => one.busy.others)];
    const percent = (share: number): string => `${Math.round(100 * share)} %`;
    const limited = others > 0.95 && others > own ? ', which limit it' : '';
    return (
      `    ${name.padEnd(width)} ${whole(figure(rate)).padStart(7)} requests/s  ${figure(cost).toFixed(1).padStart(6)} µs` +
      `  its core ${percent(own)} busy, the others ${percent(others)}${limited}`
    );
  });
}
