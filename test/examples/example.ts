/** One of examples/ as a process: its scoregate.yaml as it is, but for its ports. */
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parse, stringify } from 'yaml';
import { root } from '../../config/paths.ts';
import type { Overrides } from '../../config/schema.ts';
import { poolStatus, type TierStatus } from '../../launch/admin.ts';
import { Launcher } from '../launch/launcher.ts';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The body, where it is JSON. */
  json: Record<string, unknown>;
}

interface Asking {
  headers?: Record<string, string>;
  agent?: Agent;
  /** The client's own address. */
  from?: string;
}

export class Example {
  readonly launcher: Launcher;
  readonly #source: string;

  /** Takes sixteen ports from `port` on: 8080 of the file is the first, 8081 the second, and so on. */
  constructor(name: string, port: number) {
    this.launcher = new Launcher(port);
    this.#source = readFileSync(join(root, 'examples', name, 'scoregate.yaml'), 'utf8');
    this.configure();
  }

  /** Where the file's `port` is in the test. */
  at(port: number): number {
    const others = new Map([
      [8443, 13],
      [5000, 14],
      [6380, 15],
    ]);
    return this.launcher.port + (others.get(port) ?? port - 8080);
  }

  /** Writes the example's file, with some keys changed. */
  configure(changed: Overrides = {}): void {
    const config: Overrides = {
      // Keys that a file may leave out.
      admin: `127.0.0.1:${this.at(8090)}`,
      scorer: { listen: `127.0.0.1:${this.at(5000)}` },
      redis: `redis://127.0.0.1:${this.at(6380)}`,
      ...(parse(this.#moved()) as Overrides),
      ...changed,
    };
    writeFileSync(this.launcher.file, stringify(config));
  }

  #moved(): string {
    return this.#source.replace(/\b(80[89]\d|8443|5000|6380)\b/g, (port) => String(this.at(Number(port))));
  }

  async start(...options: string[]): Promise<void> {
    this.launcher.start(...options);
    await this.launcher.says('Scoregate is ready', 1, 30_000);
  }

  end(): Promise<void> {
    return this.launcher.end();
  }

  get(path: string, options: Asking = {}): Promise<Answer> {
    return get(this.at(8080), path, options);
  }

  /** Who answered `n` requests, `at` a time on connections that are kept; throws when one is not answered with 200. */
  async share(n: number, at: number, path: (k: number) => string): Promise<Record<string, number>> {
    const agent = new Agent({ keepAlive: true, maxSockets: at });
    const counts: Record<string, number> = {};
    let next = 0;
    const one = async (): Promise<void> => {
      while (next < n) {
        const answer = await this.get(path(next++), { agent });
        if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.text}`);
        const who = String(answer.headers['x-served-by']);
        counts[who] = (counts[who] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: at }, one));
    agent.destroy();
    return counts;
  }

  /** What /status says of the only pool. */
  async pool(): Promise<TierStatus> {
    const [tier] = await poolStatus(`127.0.0.1:${this.at(8090)}`);
    if (!tier) throw new Error('/status has no pool');
    return tier;
  }

  /** The lines of a log in the run folder. */
  log(name: string): Record<string, unknown>[] {
    const lines = readFileSync(join(this.launcher.run, name), 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Tells the demo application at a port of the file how to behave (docs/demo.md). */
  async control(port: number, behaviour: Record<string, unknown>): Promise<void> {
    const answer = await fetch(`http://127.0.0.1:${this.at(port)}/control`, {
      method: 'PUT',
      body: JSON.stringify(behaviour),
    });
    if (answer.status !== 200) throw new Error(await answer.text());
  }
}

export async function get(
  port: number,
  path: string,
  { headers, agent, from }: Asking = {},
): Promise<Answer> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request(
      {
        host: '127.0.0.1',
        port,
        path,
        headers: headers ?? {},
        agent: agent ?? false,
        ...(from === undefined ? {} : { localAddress: from }),
      },
      resolve,
    )
      .on('error', reject)
      .end();
  });
  const body = await text(answer);
  const isJson = /json/.test(answer.headers['content-type'] ?? '');
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    text: body,
    json: isJson ? (JSON.parse(body) as Record<string, unknown>) : {},
  };
}
