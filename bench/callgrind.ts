/** One run of nginx under valgrind's callgrind: how many instructions it took, from start to end. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import { answers } from '../test/harness/gateway.ts';
import { ANY_CORE, type NginxOptions, type Stand } from './stand.ts';

const ENDS_WITHIN_MS = 20_000;

/** Starts nginx as one process under callgrind, lets `use` use it, ends it; answers the count and what `use` did. */
export async function callgrind<T>(
  stand: Stand,
  config: Config,
  folder: string,
  options: NginxOptions,
  use: () => Promise<T>,
): Promise<{ instructions: number; used: T }> {
  const out = join(folder, 'callgrind.out');
  const part = await stand.gateway('nginx under valgrind', config, folder, {
    ...options,
    before: [...ANY_CORE, 'valgrind', '--tool=callgrind', `--callgrind-out-file=${out}`],
    globals: 'daemon off; master_process off;',
  });
  const used = await use();
  part.signal('SIGTERM');
  const ends = Date.now() + ENDS_WITHIN_MS;
  // Valgrind may deliver the signal just before nginx goes to sleep: a connection wakes it up to look.
  while (part.process?.exitCode === null && part.process.signalCode === null && Date.now() < ends) {
    await sleep(200);
    await answers(config.listen.port);
  }
  const total = /^(?:summary|totals): (\d+)/m.exec(readFileSync(out, 'utf8'))?.[1];
  if (total === undefined)
    throw new Error(
      `valgrind left no count of instructions in ${out}; it said:\n${part.output.slice(-2000)}`,
    );
  return { instructions: Number(total), used };
}
