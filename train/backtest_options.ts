/** The command line of `npm run backtest`. */
import { parseArgs } from 'node:util';

export const USAGE = `npm run backtest -- --logs FILE… [OPTION…]

  --logs FILE…     access logs, plain or gzipped, - for standard input; several are merged by time
  --model DIR      the model to test (default: the configuration's)
  --config FILE    tiers, hysteresis and limits (default: scoregate.yaml)
  --compare DIR    a second model: who would have gone elsewhere with it
  --out FILE       one row for each request, .csv or .jsonl: time, client, tier, score
  --help           this text`;

/** A command line that says what cannot be done. */
export class UsageError extends Error {}

export interface BacktestOptions {
  logs: string[];
  model?: string;
  config?: string;
  compare?: string;
  out?: string;
}

function parsed(args: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        logs: { type: 'string', multiple: true, default: [] },
        model: text,
        config: text,
        compare: text,
        out: text,
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    // Node's own hint about positional arguments after "--" is of no use behind `npm run backtest --`.
    throw new UsageError((error as Error).message.split(/\. |\n/, 1)[0]);
  }
}

/**
 * @returns null when only help is wanted
 * @throws UsageError for an unknown option or a wrong value
 */
export function backtestOptions(args: readonly string[]): BacktestOptions | null {
  const { values, positionals } = parsed(args);
  if (values.help) return null;
  // --logs a b c: the shell has made three words of it
  if (positionals.length > 0 && values.logs.length === 0)
    throw new UsageError(`"${positionals[0]}" is no option; logs are given as --logs FILE`);
  const logs = [...values.logs, ...positionals];
  if (logs.length === 0)
    throw new UsageError('--logs: name at least one access log, or - for standard input');
  if (logs.filter((file) => file === '-').length > 1)
    throw new UsageError('--logs: standard input can be read once; leave out the second -');
  const { model, config, compare, out } = values;
  for (const [name, value] of Object.entries({ model, config, compare, out }))
    if (value === '') throw new UsageError(`--${name}: a name is needed`);
  if (out !== undefined && !/\.(csv|jsonl)$/.test(out))
    throw new UsageError(`--out ${out}: the name must end in .csv or .jsonl, which says what is written`);
  return {
    logs,
    ...(model === undefined ? {} : { model }),
    ...(config === undefined ? {} : { config }),
    ...(compare === undefined ? {} : { compare }),
    ...(out === undefined ? {} : { out }),
  };
}
