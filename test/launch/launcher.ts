/** `npm start` as a process, for tests: with a configuration, a model and a run folder of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { root } from '../../config/paths.ts';
import type { Overrides } from '../../config/schema.ts';
import { writeModel } from '../scorer/models.ts';

export class Launcher {
  readonly folder = mkdtempSync(join(tmpdir(), 'scoregate-launch-'));
  readonly run = join(this.folder, 'run');
  readonly file = join(this.folder, 'scoregate.yaml');
  readonly port: number;
  child: ChildProcess | null = null;
  #exited: Promise<number | string | null> = Promise.resolve(null);

  /** Takes ten ports from `port` on. */
  constructor(port: number) {
    this.port = port;
    // The unprivileged user must get in.
    chmodSync(this.folder, 0o755);
    writeModel(join(this.folder, 'model'));
    this.configure();
  }

  configure(overrides: Overrides = {}): void {
    const at = (i: number): string => `127.0.0.1:${this.port + i}`;
    const config: Overrides = {
      listen: { port: this.port, address: '127.0.0.1' },
      admin: at(1),
      scorer: { listen: at(2) },
      redis: `redis://${at(3)}`,
      tiers: [
        { name: 'fast', backends: [at(4)] },
        { name: 'standard', backends: [at(5)] },
        { name: 'slow', backends: [at(6)] },
      ],
      trusted_proxies: ['127.0.0.1/32'],
      headers: { tier: true, score: true },
      workers: 2,
      model: join(this.folder, 'model'),
      demo_backends: true,
      ...overrides,
    };
    writeFileSync(this.file, stringify(config));
  }

  get output(): string {
    return readFileSync(join(this.folder, 'output'), 'utf8');
  }

  start(...more: string[]): void {
    const out = openSync(join(this.folder, 'output'), 'w');
    const args = ['launch/start.mjs', '--config', this.file, '--run', this.run, ...more];
    const env = { ...process.env, NODE_OPTIONS: '' };
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', out, out] });
    closeSync(out);
    this.child = child;
    this.#exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));
  }

  /** Waits until the output holds `text` at least `times` times; throws with the output when it does not. */
  async says(text: string, times = 1, ms = 15_000): Promise<void> {
    for (const ends = Date.now() + ms; Date.now() < ends; await sleep(25)) {
      if (this.output.split(text).length > times) return;
    }
    throw new Error(`"${text}" was not said ${times} times in ${ms} ms:\n${this.output}`);
  }

  /** Exit code or signal; throws when it takes longer than `ms`. */
  async exit(ms = 10_000): Promise<number | string | null> {
    const late = sleep(ms, 'late', { ref: false });
    const how = await Promise.race([this.#exited, late]);
    if (how === 'late') throw new Error(`still running after ${ms} ms:\n${this.output}`);
    return how;
  }

  /** Every process below the launcher: [process id, command]. */
  processes(): [number, string][] {
    const all = processes();
    const below = (pid: number): [number, string][] =>
      all.filter((one) => one.parent === pid).flatMap((one) => [[one.pid, one.command], ...below(one.pid)]);
    return this.child?.pid === undefined ? [] : below(this.child.pid);
  }

  /** The process below the launcher whose command matches. */
  process(command: RegExp): number {
    const found = this.processes().find(([, text]) => command.test(text));
    if (!found) throw new Error(`no process ${command} among ${JSON.stringify(this.processes())}`);
    return found[0];
  }

  /** Kills all of it at once, the launcher too, and waits until nothing of it is left. */
  async killAll(): Promise<void> {
    const below = this.processes();
    for (const pid of [this.child?.pid, ...below.map(([one]) => one)]) {
      try {
        if (pid !== undefined) process.kill(pid, 'SIGKILL');
      } catch {
        // it went with its parent
      }
    }
    await this.exit();
    for (const ends = Date.now() + 5000; alive(below).length > 0; await sleep(50)) {
      if (Date.now() > ends) throw new Error(`still there: ${JSON.stringify(alive(below))}`);
    }
  }

  async end(): Promise<void> {
    this.child?.kill('SIGTERM');
    await this.exit().catch(() => this.child?.kill('SIGKILL'));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** What npm start says when it is. */
export const READY = 'Scoregate is ready';

/** Ends the launcher whatever happens. */
export async function withLauncher(
  port: number,
  action: (launcher: Launcher) => Promise<void>,
): Promise<void> {
  const launcher = new Launcher(port);
  try {
    await action(launcher);
  } finally {
    await launcher.end();
  }
}

/** `npm run reload`; asynchronous, so that traffic goes on meanwhile. */
export async function reload(launcher: Launcher): Promise<{ status: number | null; output: string }> {
  const args = ['launch/run.mjs', 'launch/reload.ts', '--run', launcher.run];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (output += data.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output };
}

interface Process {
  pid: number;
  parent: number;
  command: string;
}

/** All living processes (zombies of a container without an init do not count). */
export function processes(): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return state === 'Z' ? [] : [{ pid: Number(name), parent: Number(parent), command }];
      } catch {
        return [];
      }
    });
}

/** Which of these processes still live. */
export function alive(some: [number, string][]): [number, string][] {
  const all = new Set(processes().map(({ pid }) => pid));
  return some.filter(([pid]) => all.has(pid));
}
