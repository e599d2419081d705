/** All processes of one configuration: started in order, changed to a new configuration, ended in order. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { render } from '../config/render.ts';
import type { Config } from '../config/schema.ts';
import { refuse, scorerSettings } from './changed.ts';
import { makeFolder } from './folder.ts';
import {
  backendLogs,
  backendParts,
  gatewayPart,
  redisPart,
  scorerPart,
  writeEffectiveConfig,
} from './parts.ts';
import type { PartSpec, Surroundings } from './parts.ts';
import { portProblem } from './ports.ts';
import { childrenOf, titleOf } from './processes.ts';
import { canOpenStdout } from './say.ts';
import { Part } from './supervise.ts';
import { nginxProblem, scorerProblem } from './tryout.ts';
import type { User } from './user.ts';

/** How long nginx may take to finish its requests before it is told to end at once. */
const DRAIN_MS = 3000;

export class System {
  config: Config;
  readonly surroundings: Surroundings;
  readonly #workersUser: User | null;
  #redis: Part | null = null;
  #scorer: Part | null = null;
  #gateway: Part | null = null;
  #backends: Part[] = [];
  #scorerSettings = '';
  #stopping = false;

  constructor(config: Config, surroundings: Surroundings) {
    this.config = config;
    this.surroundings = surroundings;
    this.#workersUser = surroundings.user;
  }

  /** Starts everything; the gateway last, so that whoever can connect gets an answer. Throws with the reason. */
  async start(): Promise<void> {
    const { config, surroundings } = this;
    const problems = await portProblems(allParts(config, surroundings));
    if (problems.length > 0) throw new Error(problems.join('\n'));
    const wrong = nginxProblem(config, surroundings);
    if (wrong !== null) throw new Error(`nginx refuses the configuration: ${wrong}`);
    this.#write(config);
    this.#scorerSettings = scorerSettings(config);
    const redis = redisPart(config, surroundings);
    if (redis) await (this.#redis = this.#part(redis)).start();
    this.#backends = this.#backendParts(config);
    const scorer = scorerPart(config, surroundings);
    if (scorer) this.#scorer = this.#part(scorer);
    await Promise.all([this.#scorer, ...this.#backends].map((part) => part?.start()));
    this.#gateway = this.#part(gatewayPart(config, surroundings));
    await this.#gateway.start();
  }

  /** Ends everything within 5 s: first the gateway, which finishes its requests while the others still answer. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#gateway?.stop(DRAIN_MS);
    await Promise.all([this.#scorer, this.#redis, ...this.#backends].map((part) => part?.stop()));
    rmSync(join(this.surroundings.run, 'nginx.pid'), { force: true });
  }

  /**
   * Goes over to a new configuration without losing a request. Throws with the reason when it cannot be used; then
   * nothing has changed. Answers what was done.
   */
  async apply(next: Config): Promise<string[]> {
    const { config: old, surroundings } = this;
    refuse(old, next);
    const held = new Set(allParts(old, surroundings).map(place));
    const fresh = allParts(next, surroundings).filter((spec) => !held.has(place(spec)));
    const problems = await portProblems(fresh, held);
    if (problems.length > 0) throw new Error(problems.join('\n'));
    const wrong = nginxProblem(next, surroundings);
    if (wrong !== null) throw new Error(`nginx refuses it: ${wrong}`);
    const settings = scorerSettings(next);
    const unlike = settings !== this.#scorerSettings;
    const why = unlike ? await scorerProblem(next, surroundings) : null;
    if (why !== null) throw new Error(`the scorer does not start with it: ${why}`);
    // Nothing that is started now would be ended.
    if (this.#stopping) throw new Error('it is being stopped');

    const done: string[] = [];
    const added = await this.#addBackends(next);
    try {
      if (this.#scorer && unlike) {
        await this.#changeScorer(this.#scorer, old, next);
        this.#scorerSettings = settings;
        done.push('scorer restarted');
      }
      await this.#reloadGateway(old, next);
      done.push('gateway reloaded');
    } catch (error) {
      await Promise.all(added.map((part) => part.stop()));
      throw error;
    }
    this.config = next;
    this.#backends.push(...added);
    if (added.length > 0) done.push(`${added.length} demo backends started`);
    void this.#dropBackends(next);
    return done;
  }

  #part(spec: PartSpec): Part {
    return new Part(spec, this.surroundings.user);
  }

  #write(config: Config): void {
    const { run, nginx, user } = this.surroundings;
    render(config, run, { nginx, user: this.#workersUser, stdout: canOpenStdout() });
    writeEffectiveConfig(config, run, user);
  }

  /** The backends that a configuration asks for, but for those at a place that is taken; not started yet. */
  #backendParts(config: Config, taken = new Set<string>()): Part[] {
    const { run, user } = this.surroundings;
    const specs = backendParts(config, run).filter((spec) => !taken.has(place(spec)));
    const logs = backendLogs(config, run);
    if (logs !== null && specs.length > 0) makeFolder(logs, user);
    return specs.map((spec) => this.#part(spec));
  }

  async #addBackends(next: Config): Promise<Part[]> {
    const parts = this.#backendParts(next, new Set(this.#backends.map((part) => place(part.spec))));
    await Promise.all(parts.map((part) => part.start()));
    return parts;
  }

  /** Ends backends that the new configuration has no more, once nginx's old workers had time to finish. */
  async #dropBackends(next: Config): Promise<void> {
    const wanted = new Set(backendParts(next, this.surroundings.run).map(place));
    const gone = this.#backends.filter((part) => !wanted.has(place(part.spec)));
    this.#backends = this.#backends.filter((part) => wanted.has(place(part.spec)));
    if (gone.length === 0) return;
    await sleep(DRAIN_MS);
    await Promise.all(gone.map((part) => part.stop()));
  }

  /** The gateway serves on with the verdicts that it has, meanwhile. A scorer that does not start is put back. */
  async #changeScorer(scorer: Part, old: Config, next: Config): Promise<void> {
    const { spec } = scorer;
    this.#write(next);
    scorer.spec = scorerPart(next, this.surroundings) ?? spec;
    try {
      await scorer.restart();
    } catch (error) {
      this.#write(old);
      scorer.spec = spec;
      await scorer.start();
      throw new Error(`the scorer does not start with it: ${(error as Error).message}`);
    }
  }

  async #reloadGateway(old: Config, next: Config): Promise<void> {
    const gateway = this.#gateway;
    if (!gateway || gateway.pid === null) throw new Error('the gateway is not running');
    this.#write(next);
    gateway.spec = gatewayPart(next, this.surroundings);
    const before = childrenOf(gateway.pid);
    gateway.signal('SIGHUP');
    for (const ends = Date.now() + 8000; Date.now() < ends; await sleep(25)) {
      const now = gateway.pid === null ? [] : childrenOf(gateway.pid);
      // For a while the old ones serve new connections too; "… is shutting down" is what they are called after that.
      const isOver = before.every((pid) => !titleOf(pid).endsWith(' process'));
      if (isOver && now.some((pid) => !before.includes(pid)) && (await gateway.spec.ready())) return;
    }
    this.#write(old);
    gateway.spec = gatewayPart(old, this.surroundings);
    throw new Error('nginx did not take it over; its error log says why');
  }
}

function allParts(config: Config, surroundings: Surroundings): PartSpec[] {
  const all = [
    redisPart(config, surroundings),
    scorerPart(config, surroundings),
    ...backendParts(config, surroundings.run),
    gatewayPart(config, surroundings),
  ];
  return all.filter((part) => part !== null);
}

const place = (spec: PartSpec): string => spec.listens.map(({ host, port }) => `${host}:${port}`).join(' ');

async function portProblems(specs: PartSpec[], held = new Set<string>()): Promise<string[]> {
  const ours = new Set([...held].flatMap((text) => text.split(' ')));
  const listeners = specs
    .flatMap((spec) => spec.listens)
    .filter(({ host, port }) => !ours.has(`${host}:${port}`));
  const found = await Promise.all(listeners.map((listener) => portProblem(listener)));
  return found.filter((problem) => problem !== null);
}
