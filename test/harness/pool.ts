/** A gateway whose tier `standard` has a pool of backends that a test decides over. */
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf, titleOf } from '../../launch/processes.ts';
import { startGateway, until, type Gateway } from './gateway.ts';
import { Origin, type OriginAnswer } from './origin.ts';

type Settings = Record<string, unknown>;

/** The client whose requests go to that tier, whatever its score: no scorer is asked. */
export const CLIENT = '192.0.2.1';

export class PoolStand {
  readonly origins: Origin[];
  gateway!: Gateway;
  readonly port: number;
  #tiers: (pool: Settings) => Settings[];

  /** `count` backends, at `port` + 15 and up. */
  constructor(port: number, count: number) {
    this.port = port;
    this.origins = Array.from({ length: count }, (_, i) => new Origin(port + 15 + i));
    this.#tiers = (pool) => [
      { name: 'fast', backends: [`127.0.0.1:${port + 10}`] },
      { name: 'standard', ...pool },
      { name: 'slow', backends: [`127.0.0.1:${port + 12}`] },
    ];
  }

  address = (i: number): string => `127.0.0.1:${this.origins[i]?.port}`;

  /** The tiers with that pool; `each` is what is said of each of its backends. */
  tiers(pool: Settings, each: (i: number) => Settings = () => ({}), tier: Settings = {}): Settings[] {
    const backends = this.origins.map((_, i) => ({ address: this.address(i), ...each(i) }));
    return this.#tiers({ ...tier, pool: { backends, ...pool } });
  }

  async start(tiers: Settings[], config: Settings = {}): Promise<this> {
    for (const [i, origin] of this.origins.entries()) {
      this.answer(i, {});
      await origin.start();
    }
    const access = { pin: { standard: ['192.0.2.0/24'] } };
    this.gateway = await startGateway({
      port: this.port,
      noScorer: true,
      config: { access, tiers, ...config },
    });
    // The workers of a test's nginx are nobody's; those of npm start have a user, whose folder this is.
    chmodSync(join(this.gateway.run, 'pools'), 0o777);
    return this;
  }

  async stop(): Promise<void> {
    await this.gateway.stop();
    await Promise.all(this.origins.map((origin) => origin.stop()));
  }

  /** What backend `i` answers from now on; its body is its number. */
  answer(i: number, answer: OriginAnswer): void {
    this.origins[i]?.on('/', { body: String(i), ...answer });
  }

  /** Who answers a request, or its status where that is not 200. */
  async ask(init: RequestInit = {}, ip = CLIENT): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.port}/`, {
      ...init,
      headers: { 'X-Forwarded-For': ip, ...(init.headers as Record<string, string>) },
    });
    const text = await answer.text();
    if (answer.status !== 200) return String(answer.status);
    return text.startsWith('<!doctype') ? (answer.headers.get('x-served-by') ?? 'a page') : text;
  }

  /** How many of `n` requests, `at` a time, each answerer got. */
  async share(n: number, at = 1, init: RequestInit = {}): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    let left = n;
    const one = async (): Promise<void> => {
      while (left-- > 0) {
        const who = await this.ask(init);
        counts[who] = (counts[who] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: at }, one));
    return counts;
  }

  /** The same with backends of which nothing is held against them: those that come out of maintenance. */
  async fresh(tiers: Settings[]): Promise<void> {
    await this.configure(this.tiers({ live: true }, () => ({ state: 'maintenance' })));
    await this.configure(tiers);
  }

  /** Changes the configuration and waits until it is in force. */
  async configure(tiers: Settings[]): Promise<void> {
    const before = this.workers();
    this.gateway.configure({ tiers });
    this.gateway.reload();
    const inForce = (): boolean => {
      const now = this.workers();
      return now.length > 0 && now.every((pid) => !before.includes(pid));
    };
    await until(inForce, 10_000, 'the configuration is not in force');
    // A worker that has its name may not yet have run its init.
    await sleep(200);
  }

  /** The processes that serve new connections. */
  workers(): number[] {
    const children = childrenOf(this.gateway.nginx.process?.pid ?? 0);
    return children.filter((pid) => /worker process$/.test(titleOf(pid)));
  }
}
