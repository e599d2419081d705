/** What the figures were measured on. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { findRedis, which, type Nginx } from '../launch/find.mjs';

/** Processor, kernel and versions; null for a program that is not there. */
export function machine(nginx: Nginx): Record<string, unknown> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memory_bytes: totalmem(),
    kernel: release(),
    system: /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown',
    load: loadavg().map((value) => Number(value.toFixed(2))),
    versions: {
      node: process.version,
      nginx: `${nginx.version.join('.')}${nginx.openresty ? ' (OpenResty)' : ''}`,
      redis: firstLine(findRedis(), '--version'),
      haproxy: firstLine(which('haproxy'), '-v'),
      wrk: firstLine(which('wrk'), '-v'),
      h2load: firstLine(which('h2load'), '--version'),
      valgrind: firstLine(which('valgrind'), '--version'),
    },
  };
}

function firstLine(program: string | null, option: string): string | null {
  if (program === null) return null;
  const { stdout } = spawnSync(program, [option], { encoding: 'utf8' });
  return stdout.split('\n', 1)[0] ?? null;
}
