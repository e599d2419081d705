/** A real process of a test, and waiting for what it does. */
import { spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../../config/paths.ts';

/** One process of a gateway. */
export class Part {
  process: ChildProcess | undefined;
  output = '';
  readonly name: string;
  readonly #command: string[];
  readonly #port: number;
  readonly #environment: Record<string, string>;
  constructor(name: string, command: string[], port: number, environment: Record<string, string> = {}) {
    this.name = name;
    this.#command = command;
    this.#port = port;
    this.#environment = environment;
  }

  /** Starts the process and waits until its port answers, at most `within` ms. */
  async start(within = 15_000): Promise<void> {
    const [program = '', ...args] = this.#command;
    if (await answers(this.#port)) throw new Error(`port ${this.#port} of ${this.name} is in use`);
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.#environment },
    });
    this.process = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => (this.output += data.toString()));
    await until(
      () => answers(this.#port),
      within,
      () => `${this.name} does not listen:\n${this.output}`,
    );
  }

  signal(name: NodeJS.Signals): void {
    this.process?.kill(name);
  }

  /** Ends the process and waits for it. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
    await gone;
    clearTimeout(timer);
  }
}

export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Waits until something holds; fails with a message when it does not in time. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  ms: number,
  message: string | (() => string),
): Promise<void> {
  const ends = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > ends) throw new Error(typeof message === 'string' ? message : message());
    await sleep(20);
  }
}
