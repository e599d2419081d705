/** `npm start`: reads the configuration, starts everything, watches over it, and ends it. */
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scores } from '../config/mode.ts';
import { configFile, root, runFolder } from '../config/paths.ts';
import { ConfigError, readConfig } from '../config/read.ts';
import { allFiles } from '../config/rules_files.ts';
import type { Config } from '../config/schema.ts';
import { findNginx } from './find.mjs';
import { leaveAnswer, prepare, release } from './folder.ts';
import { OptionError, overrides, parseOptions, USAGE, type Options } from './options.ts';
import { canOpenStdout, print, say } from './say.ts';
import { summary } from './summary.ts';
import { System } from './system.ts';
import { makeDevCertificate } from './tls_dev.ts';
import { chooseUser } from './user.ts';

const STOP_WITHIN_MS = 4800;

export async function main(args: readonly string[]): Promise<void> {
  try {
    const options = parseOptions(args);
    if (options.help) print(`${USAGE}\n`);
    else await run(options);
  } catch (error) {
    const mine = error instanceof OptionError || error instanceof ConfigError;
    say(mine ? error.message : `could not start: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(error instanceof OptionError ? 2 : 1);
  }
}

async function run(options: Options): Promise<void> {
  const started = Date.now();
  const file = configFile(options.config);
  const folder = runFolder(options.run);
  if (options.tlsDev) makeDevCertificate(folder);
  const read = (): Config => readConfig(file, overrides(options), process.env, allFiles(folder));
  const config = read();
  const nginx = findNginx();
  if (!nginx) throw new Error('there is no nginx with Lua; node launch/start.mjs says what to install');
  const needed = ['lua/scoregate/gateway.lua', 'scorer/server.ts', 'node_modules/tsx/package.json'].map(
    (path) => join(root, path),
  );
  const { user, warning } = chooseUser([...needed, ...(scores(config) ? [config.model] : [])]);
  if (warning !== null) say(`warning: ${warning}`);
  prepare(folder, user);
  if (config.logs.stdout && !canOpenStdout()) {
    say(
      `nginx cannot open this standard output (a socket, or another user's), so the access log is only in ${config.logs.access}`,
    );
  }
  const system = new System(config, { run: folder, nginx, user });
  const stopping = stopOnSignals(system, folder);
  try {
    await system.start();
  } catch (error) {
    if (stopping.now) return;
    await system.stop();
    release(folder);
    throw error;
  }
  if (stopping.now) return;
  reloadOnHangup(system, read, stopping);
  print(`${summary(config, system.surroundings, (Date.now() - started) / 1000)}\n`);
}

/** Ends everything, once, when asked to; a second signal changes nothing, since the end is bounded anyway. */
function stopOnSignals(system: System, folder: string): { now: boolean; stop: (why: string) => void } {
  const state = {
    now: false,
    stop: (why: string): void => {
      if (state.now) return;
      state.now = true;
      say(`${why}: stopping`);
      const limit = sleep(STOP_WITHIN_MS, undefined, { ref: false });
      void Promise.race([system.stop(), limit]).then(() => {
        release(folder);
        say('stopped');
        process.exit(0);
      });
    },
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => state.stop(signal));
  return state;
}

/** SIGHUP means "apply the configuration again", except from a terminal that has closed: that is the end. */
function reloadOnHangup(
  system: System,
  read: () => Config,
  stopping: { now: boolean; stop: (why: string) => void },
): void {
  let turn = Promise.resolve();
  const interactive = terminalIsOpen();
  process.on('SIGHUP', () => {
    if (interactive && !terminalIsOpen()) return stopping.stop('the terminal was closed');
    turn = turn.then(async () => {
      if (!stopping.now) await reload(system, read);
    });
  });
}

async function reload(system: System, read: () => Config): Promise<void> {
  const answer = { ok: true, text: '' };
  try {
    const done = await system.apply(read());
    answer.text = `new configuration in force: ${done.join(', ')}`;
  } catch (error) {
    answer.ok = false;
    answer.text = `new configuration refused, nothing has changed: ${error instanceof Error ? error.message : String(error)}`;
  }
  say(answer.text);
  leaveAnswer(system.surroundings.run, answer);
}

function terminalIsOpen(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
