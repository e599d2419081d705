/** Runs one process: starts it, waits until it is ready, starts it again when it dies, and ends it. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../config/paths.ts';
import { which } from './find.mjs';
import type { PartSpec } from './parts.ts';
import { say } from './say.ts';
import type { User } from './user.ts';

const READY_WITHIN_MS = 20_000;
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 5_000;
/** A process that ran this long is healthy again: its next death starts with the shortest delay. */
const STEADY_MS = 30_000;

/**
 * util-linux's setpriv can ask the kernel to end a process with its parent (prctl(2), PR_SET_PDEATHSIG), so that
 * nothing outlives a launcher that was killed with SIGKILL. Without it the next start finds what is left.
 */
const withParent = ((): string[] => {
  const setpriv = which('setpriv');
  const works = setpriv !== null && spawnSync(setpriv, ['--pdeathsig', 'TERM', 'true']).status === 0;
  return works ? [setpriv, '--pdeathsig', 'TERM'] : [];
})();

export class Part {
  spec: PartSpec;
  readonly #user: User | null;
  #child: ChildProcess | null = null;
  #exited: Promise<string> = Promise.resolve('');
  #stopping = false;
  #delay = FIRST_DELAY_MS;

  constructor(spec: PartSpec, user: User | null) {
    this.spec = spec;
    this.#user = user;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Starts the process; resolves when it is ready. Throws when it ends before that, or takes too long. */
  async start(): Promise<void> {
    this.#stopping = false;
    this.#spawn();
    try {
      await this.#whenReady();
    } catch (error) {
      await this.stop();
      throw error;
    }
    void this.#watch(Date.now());
  }

  /** Ends the process in good order, by force after `grace` ms, and whatever it started with it. */
  async stop(grace = 800): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (!child) return;
    this.signal(this.spec.quit);
    if (!(await this.#gone(grace))) {
      this.signal('SIGTERM');
      if (this.spec.quit === 'SIGTERM' || !(await this.#gone(700))) this.#killGroup();
    }
    await this.#exited;
    this.#killGroup();
    this.#child = null;
  }

  /** Ends it and starts it anew, as `spec` now says. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  #spawn(): void {
    const { command, args, unprivileged } = this.spec;
    const [program = command, ...words] = [...withParent, command, ...args];
    const as = unprivileged && this.#user ? { uid: this.#user.uid, gid: this.#user.gid } : {};
    // A group of its own: Ctrl-C in the terminal reaches only the launcher, which ends everything in order, and
    // what a process leaves behind (nginx's workers) can be ended by its group. Output is inherited, not piped:
    // a pipe through Node that is not emptied fast enough would block nginx.
    const stdio = ['ignore', 'inherit', 'inherit'] as const;
    const child = spawn(program, words, { cwd: root, detached: true, stdio: [...stdio], ...as });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) =>
        resolve(signal === null ? `exit code ${code}` : `signal ${signal}`),
      );
      child.once('error', (error) => resolve(error.message));
    });
  }

  async #whenReady(): Promise<void> {
    const ends = Date.now() + READY_WITHIN_MS;
    let how: string | null = null;
    void this.#exited.then((text) => (how = text));
    while (!(await this.spec.ready())) {
      if (how !== null)
        throw new Error(`${this.spec.name} ended before it was ready (${how}); see its message above`);
      if (this.#stopping) throw new Error(`${this.spec.name} was stopped`);
      if (Date.now() > ends)
        throw new Error(`${this.spec.name} is not ready after ${READY_WITHIN_MS / 1000} s`);
      await Promise.race([sleep(40), this.#exited]);
    }
    // Ready may have been somebody else on the same port, and ours gone.
    if (how !== null) throw new Error(`${this.spec.name} ended as soon as it had started (${how})`);
  }

  /** Waits for the process to end, and starts it again unless it was meant to. */
  async #watch(startedAt: number): Promise<void> {
    let since = startedAt;
    for (;;) {
      const child = this.#child;
      const how = await this.#exited;
      if (this.#stopping || child !== this.#child) return;
      this.#killGroup();
      if (Date.now() - since > STEADY_MS) this.#delay = FIRST_DELAY_MS;
      say(`${this.spec.name} ended (${how}); starting it again in ${this.#delay / 1000} s`);
      await sleep(this.#delay);
      if (this.#stopping || child !== this.#child) return;
      this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY_MS);
      since = Date.now();
      this.#spawn();
      void this.#whenReady().then(
        () => say(`${this.spec.name} is back`),
        () => undefined, // the next turn of the loop says that it ended
      );
    }
  }

  #gone(ms: number): Promise<boolean> {
    return Promise.race([this.#exited.then(() => true), sleep(ms, false, { ref: false })]);
  }

  /** Ends what is left of the process's group: of nginx, workers whose master was killed. */
  #killGroup(): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // nothing was left
    }
  }
}
