/** Processes, from /proc (proc(5)). */
import { existsSync, readFileSync } from 'node:fs';

/** The processes whose parent is `pid`; none if it has ended. */
export function childrenOf(pid: number): number[] {
  return read(pid, `task/${pid}/children`).split(/\s+/).filter(Boolean).map(Number);
}

/** What a process calls itself, with its arguments; '' if it has ended. */
export const titleOf = (pid: number): string => read(pid, 'cmdline').replaceAll('\0', ' ').trim();

function read(pid: number, name: string): string {
  const file = `/proc/${pid}/${name}`;
  try {
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return ''; // it has ended meanwhile
    throw error;
  }
}
