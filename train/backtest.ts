/** `npm run backtest`: who of a log would have gone where, with a model and the configuration's lines. */
import { performance } from 'node:perf_hooks';
import { configFile, configuredPath, runFolder } from '../config/paths.ts';
import { ConfigError, readConfig } from '../config/read.ts';
import { ModelError, type Model } from '../scorer/model.ts';
import { loadFitting } from '../scorer/takeover.ts';
import { backtestOptions, USAGE, UsageError, type BacktestOptions } from './backtest_options.ts';
import { Reader } from './backtest_read.ts';
import { compared, ending, outcome, read } from './backtest_report.ts';
import { Rows } from './backtest_rows.ts';
import { run } from './backtest_run.ts';
import { newSource } from './backtest_source.ts';
import { OutputError } from './output.ts';
import { LogError } from './parse.ts';

const say = (...lines: string[]): boolean => process.stdout.write(`${lines.join('\n')}\n`);

/** How far it is, on one line of a terminal, not more than ten times a second. */
function progress(started: number): (requests: number) => void {
  if (!process.stderr.isTTY) return () => undefined;
  let shown = started;
  return (requests) => {
    const now = performance.now();
    if (now - shown < 100) return;
    shown = now;
    const speed = Math.round((1000 * requests) / (now - started));
    process.stderr.write(`\r${requests} requests, ${speed}/s\x1b[K`);
  };
}

const titleOf = (dir: string, { version, features, thresholds }: Model): string =>
  `model ${dir}, version ${version}: ${features.length} feature${features.length === 1 ? '' : 's'}, ` +
  `lines at ${thresholds.join(', ')}`;

async function backtest(options: BacktestOptions, reader: Reader): Promise<void> {
  const config = readConfig(configFile(options.config));
  const names = config.tiers.map(({ name }) => name);
  const dirs = [options.model ?? configuredPath(config.model, runFolder())];
  if (options.compare !== undefined) dirs.push(options.compare);
  const models: Model[] = [];
  for (const dir of dirs) models.push(await loadFitting(dir, names.length - 1));
  const source = newSource();
  await reader.ready;
  const rows = options.out === undefined ? undefined : new Rows(options.out, names, options.logs);
  const started = performance.now();
  const onProgress = progress(started);
  const { runs, comparison } = await run({ reader, models, config, source, rows, onProgress }).catch(
    (error: unknown) => {
      rows?.discard();
      throw error;
    },
  );
  const seconds = (performance.now() - started) / 1000;
  rows?.close();
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  say(...read(source), '');
  runs.forEach(({ tally, gateway }, i) =>
    say(...outcome(titleOf(dirs[i] as string, models[i] as Model), tally, gateway.counts, names), ''),
  );
  if (comparison !== null) say(...compared(comparison, names), '');
  const [{ tally }] = runs as [(typeof runs)[0]];
  say(...ending(tally, source.summary.rows + source.summary.unfit, seconds));
  if (options.out !== undefined) say(`wrote ${options.out}`);
  for (const model of models) model.close();
}

try {
  const options = backtestOptions(process.argv.slice(2));
  if (options) {
    const reader = new Reader(options.logs);
    await backtest(options, reader).finally(() => reader.close());
  } else say(USAGE);
} catch (error) {
  const usage = error instanceof UsageError;
  const known =
    usage || [LogError, ModelError, ConfigError, OutputError].some((kind) => error instanceof kind);
  const { message, stack, code } = error as NodeJS.ErrnoException;
  process.stderr.write(`backtest: ${known || code !== undefined ? message : stack}\n`);
  if (usage) process.stderr.write(`\n${USAGE}\n`);
  process.exitCode = usage ? 2 : 1;
}
