/**
 * nginx under valgrind's callgrind, as one process: how many instructions it took from one moment to another. A dump
 * of the counts is had by letting nginx call a function that nothing else calls: ngx_reopen_files(), on SIGUSR1.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import { answers, type Part } from '../test/harness/gateway.ts';
import { drive } from './drive.ts';
import { ANY_CORE, type NginxOptions, type Stand } from './stand.ts';

const DUMPED_WITHIN_MS = 20_000;
/** Requests before it is counted, which start and warm up, and requests that are. */
export const [WARM, COUNTED] = [500, 4000];

export class Callgrind {
  readonly #part: Part;
  readonly #port: number;
  readonly #out: string;
  #dumps = 0;

  constructor(part: Part, port: number, out: string) {
    this.#part = part;
    this.#port = port;
    this.#out = out;
  }

  /** Instructions since the last call, or since the process started. */
  async count(): Promise<number> {
    this.#dumps += 1;
    const file = `${this.#out}.${this.#dumps}`;
    this.#part.signal('SIGUSR1');
    const ends = Date.now() + DUMPED_WITHIN_MS;
    for (;;) {
      // The file is there before it is whole; its last line is the total.
      const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
      const total = /^totals: (\d+)$/m.exec(text)?.[1];
      if (total !== undefined) return Number(total);
      if (Date.now() > ends)
        throw new Error(`valgrind left no counts in ${file}; it said:\n${this.#part.output.slice(-2000)}`);
      await sleep(250);
      // Valgrind may deliver the signal just before nginx goes to sleep: a connection wakes it up to look.
      await answers(this.#port);
    }
  }

  /** Instructions of a request, of 4,000 from now on. @param request the text of request `i`, from 0 */
  async perRequest(request: (i: number) => string): Promise<number> {
    await this.count();
    await drive({ port: this.#port, request, count: COUNTED });
    return (await this.count()) / COUNTED;
  }

  /** Ends the process; what it would count yet is of no interest. */
  async end(): Promise<void> {
    await this.#part.end('SIGKILL');
  }
}

/** Starts nginx as one process under callgrind. */
export async function startCallgrind(
  stand: Stand,
  config: Config,
  folder: string,
  options: NginxOptions,
): Promise<Callgrind> {
  const out = join(folder, 'callgrind.out');
  const words = ['valgrind', '--tool=callgrind', `--callgrind-out-file=${out}`];
  const part = await stand.gateway('nginx under valgrind', config, folder, {
    ...options,
    before: [...ANY_CORE, ...words, '--dump-before=ngx_reopen_files'],
    globals: 'daemon off; master_process off;',
  });
  return new Callgrind(part, config.listen.port, out);
}
