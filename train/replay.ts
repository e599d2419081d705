/** `npm run replay`: sends a real log through the running gateway, and says what became of its clients. */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { configFile } from '../config/paths.ts';
import { ConfigError, readConfig } from '../config/read.ts';
import { LogError } from './parse.ts';
import { replayOptions, USAGE, type ReplayOptions } from './replay_options.ts';
import { busiest, plan, PlanError, type Plan } from './replay_plan.ts';
import { askAll, closing, opening, progress } from './replay_report.ts';
import { reachable } from './replay_scorer.ts';
import { send } from './replay_send.ts';
import { newTally, numbered, tallyOne, top, type Tally } from './replay_tally.ts';

const PROGRESS_MS = 10_000;
const TOP = 20;
// A gateway reports within 1 s, within 10 s while more than 5,000 clients are active.
const REPORTED_MS = 1500;
const REPORTED_BUSY_MS = 11_000;
const BUSY_CLIENTS = 5000;

const say = (...lines: string[]): boolean => process.stdout.write(`${lines.join('\n')}\n`);

async function mustReach(what: string, url: URL): Promise<void> {
  await reachable(url).catch((error: NodeJS.ErrnoException) => {
    const why = error.code ?? error.message;
    throw new PlanError(`the ${what} at ${url.origin} cannot be reached (${why}): run \`npm start\` first`);
  });
}

async function sendAll(
  plan: Plan,
  { gateway, speed }: ReplayOptions,
  undiverted: Set<string>,
  signal: AbortSignal,
): Promise<Tally> {
  const tally = newTally();
  const number = numbered(plan.requests);
  const started = performance.now();
  const timer = setInterval(
    () => say(progress(plan, tally, (performance.now() - started) / 1000, speed)),
    PROGRESS_MS,
  );
  await send(plan.requests, {
    gateway,
    speed,
    signal,
    onDone: (planned, outcome) => tallyOne(tally, planned, number.get(planned) ?? 0, outcome, undiverted),
  }).finally(() => clearInterval(timer));
  say(progress(plan, tally, (performance.now() - started) / 1000, speed));
  return tally;
}

/** @returns the exit code: 1 if a request failed */
async function main(args: string[]): Promise<number> {
  const config = readConfig(configFile());
  const options = replayOptions(args, config);
  if (options === null) {
    say(USAGE);
    return 0;
  }
  const span = options.busiest === null ? options : await busiest(options.file, options.busiest);
  const planned = await plan(options.file, span);
  await mustReach('gateway', options.gateway);
  await mustReach('scorer', options.scorer);
  say(...opening(planned, options.speed));
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const order = config.tiers.map((tier) => tier.name);
  const tally = await sendAll(planned, options, new Set([order[0] ?? '', config.default_tier]), stop.signal);
  if (stop.signal.aborted) say('stopped early; what was sent:');
  await sleep(tally.clients.size > BUSY_CLIENTS ? REPORTED_BUSY_MS : REPORTED_MS);
  say(...closing(tally, order, await askAll(options.scorer, top(tally, TOP))));
  return tally.failed.size > 0 ? 1 : 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const known = error instanceof PlanError || error instanceof LogError || error instanceof ConfigError;
  process.stderr.write(`${known ? error.message : (error as Error).stack}\n`);
  process.exitCode = 2;
}
