/** Memory of processes, from /proc (proc(5), smaps_rollup). */
import { readFileSync } from 'node:fs';
import { childrenOf } from '../launch/processes.ts';

export interface Resident {
  /** Bytes in memory, its own and those that it shares and has touched. */
  rss: number;
  /** The same, with each shared page divided by the number of its users. */
  pss: number;
}

/** What one process has in memory. */
export function resident(pid: number): Resident {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const bytes = (key: string): number =>
    Number(new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(text)?.[1]) * 1024;
  return { rss: bytes('Rss'), pss: bytes('Pss') };
}

/** What a process and its children have: pages that they share count for each in `rss`, once in `pss`. */
export function residentOfAll(pid: number): Resident {
  const all = [pid, ...childrenOf(pid)].map(resident);
  const sum = (key: keyof Resident): number => all.reduce((total, one) => total + one[key], 0);
  return { rss: sum('rss'), pss: sum('pss') };
}
