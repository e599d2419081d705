/** Processor time, of processes and of cores, from /proc (proc(5)); the kernel counts in hundredths of a second. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { childrenOf } from '../launch/processes.ts';

const TICKS = 100;

/** Seconds that a process and its children have used so far: user and system time, all threads. */
export function cpuSeconds(pid: number): number {
  return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + ownSeconds(one), 0);
}

function ownSeconds(pid: number): number {
  // The name, in brackets, may hold blanks; after it, state is field 3, utime 14 and stime 15.
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Time so far of the gateway's core and of all others, busy and in all, in ticks. */
export interface Cores {
  gateway: { busy: number; all: number };
  others: { busy: number; all: number };
}

export function coreTimes(): Cores {
  const found: Cores = { gateway: { busy: 0, all: 0 }, others: { busy: 0, all: 0 } };
  for (const [, number, rest = ''] of readFileSync('/proc/stat', 'utf8').matchAll(/^cpu(\d+) (.*)$/gm)) {
    // user nice system idle iowait irq softirq steal; guest time is in user already
    const times = rest.trim().split(/\s+/).slice(0, 8).map(Number);
    const all = times.reduce((sum, n) => sum + n, 0);
    const core = Number(number) === availableParallelism() - 1 ? found.gateway : found.others;
    core.all += all;
    core.busy += all - (times[3] ?? 0) - (times[4] ?? 0);
  }
  return found;
}

/** Shares of the time since `before` that the gateway's core and the others were busy, from 0 to 1. */
export function busySince(before: Cores): { gateway: number; others: number } {
  const now = coreTimes();
  const share = (key: 'gateway' | 'others'): number =>
    (now[key].busy - before[key].busy) / Math.max(1, now[key].all - before[key].all);
  return { gateway: share('gateway'), others: share('others') };
}
