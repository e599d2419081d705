/** The command line of `npm run train`. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../config/paths.ts';
import { FEATURES } from '../scorer/features.ts';

export const USAGE = `npm run train -- [options]

  --logs FILE…      access logs to learn from (combined or common log format, with or without a virtual host, or
                    the gateway's own JSON; .gz too, - for standard input); without it: the simulator
  --out DIR         where to write the model; default model/
  --features LIST   comma-separated; default requests_60s
  --seed N          default 1
  --epochs N        default 30
  --help
`;

/** A command line that says what cannot be done. */
export class UsageError extends Error {}

export interface Options {
  logs: string[];
  out: string;
  features: string[];
  seed: number;
  epochs: number;
}

/** @returns null when only help is wanted
 * @throws UsageError, or an error of parseArgs for unknown options */
export function options(argv: string[]): Options | null {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      logs: { type: 'string', multiple: true, default: [] },
      out: { type: 'string', default: path.join(root, 'model') },
      features: { type: 'string', default: 'requests_60s' },
      seed: { type: 'string', default: '1' },
      epochs: { type: 'string', default: '30' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  // --logs a b c: the shell has made three words of it
  if (positionals.length > 0 && values.logs.length === 0) {
    throw new UsageError(`"${positionals[0]}" is no option; logs are given as --logs FILE`);
  }
  if (values.out === '') throw new UsageError('--out: name a folder');
  const features = values.features.split(',');
  const unknown = features.find((name) => !(name in FEATURES));
  if (unknown !== undefined) {
    throw new UsageError(
      `--features: there is no "${unknown}"; there are ${Object.keys(FEATURES).join(', ')}`,
    );
  }
  return {
    logs: [...values.logs, ...positionals],
    out: values.out,
    features,
    seed: whole('--seed', values.seed, 0),
    epochs: whole('--epochs', values.epochs, 1),
  };
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least) return value;
  throw new UsageError(`${name}: "${text}" is not a whole number of at least ${least}`);
}
