/** A plan of what breaks when beside a load, and the table of what came of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadResult } from './load.ts';
import { leaving, type Try } from './tries.ts';

export interface Step {
  what: string;
  /** Seconds after the start. */
  at: number;
  /** How long it lasts, seconds. */
  lasts: number;
  /** Backends that traffic must leave, and within which time. */
  bad?: readonly string[];
  within?: number;
  breaks: () => unknown;
  mends?: () => unknown;
}

export interface Row extends Step {
  /** Unix milliseconds. */
  from: number;
  to: number;
  requests: number;
  failed: number;
  closed: number;
}

const total = (results: readonly LoadResult[], of: (one: LoadResult) => number): number =>
  results.reduce((sum, one) => sum + of(one), 0);
const failures = ({ failed }: LoadResult): number => Object.values(failed).reduce((sum, n) => sum + n, 0);

/** Runs the plan beside the load; each step's row has what was counted until the next one begins. */
export async function follow(
  plan: readonly Step[],
  ends: number,
  results: readonly LoadResult[],
): Promise<Row[]> {
  const began = Date.now();
  const rows: Row[] = [];
  const now = () => ({
    requests: total(results, ({ sent }) => sent),
    failed: total(results, failures),
    closed: total(results, ({ closed }) => closed),
  });
  for (const [i, step] of plan.entries()) {
    const wait = (s: number): Promise<void> => sleep(Math.max(0, began + 1000 * s - Date.now()));
    await wait(step.at);
    const counted = now();
    const from = Date.now();
    await step.breaks();
    await wait(step.at + step.lasts);
    const to = Date.now();
    await step.mends?.();
    await wait((plan[i + 1]?.at ?? ends) - 0.1);
    const later = now();
    const since = (name: keyof typeof later): number => later[name] - counted[name];
    rows.push({
      ...step,
      from,
      to,
      requests: since('requests'),
      failed: since('failed'),
      closed: since('closed'),
    });
  }
  return rows;
}

/** What stands above the rows. */
export const HEAD = '| s | what | left after ms | probes later | requests | failed | retries | closed |';

/** The row as the table shows it, with when traffic left each of its bad backends. */
export function shown(row: Row, tries: readonly Try[]): { left: number[]; text: string } {
  const { what, at, bad = [], from, to, requests, failed, closed } = row;
  const left = bad.map((backend) => leaving(tries, backend, from, to));
  const retries = tries.filter((one) => one.again && one.at >= from && one.at < to).length;
  const ms = left.map((one) => one.ms);
  const cells = [
    at,
    what,
    ms.join(', '),
    left.map((one) => one.probes).join(', '),
    requests,
    failed,
    retries,
    closed,
  ];
  return { left: ms, text: `| ${cells.join(' | ')} |` };
}
