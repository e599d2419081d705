/** The command line of `npm run train`. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../config/paths.ts';
import { MODEL_FEATURES } from './chosen.ts';
import { ALL_FEATURES, repeatedOf, unknownOf } from '../scorer/features.ts';

const EPOCHS = 24;

export const USAGE = `npm run train -- [options]

  --logs FILE…      access logs to learn from (combined or common log format, with or without a virtual host, or
                    the gateway's own JSON; .gz too, - for standard input); without it: the simulator
  --out DIR         where to write the model; default model/
  --features LIST   comma-separated; default: those of the model that ships
  --seed N          default 1
  --epochs N        default ${EPOCHS}
  --judge           judge by leaving out every log in turn, not only one
  --force           write the model even if simple rules do as well
  --abuse FILE      networks (a CIDR a line) that are abuse, whatever they did
  --human FILE      networks that are people
  --labels-out FILE write each client's label and its reason
  --calibrate       no training: new lines for the model in --out, from the logs given
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
  judge: boolean;
  force: boolean;
  calibrate: boolean;
  abuse: string | null;
  human: string | null;
  labelsOut: string | null;
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
      features: { type: 'string', default: MODEL_FEATURES.join(',') },
      seed: { type: 'string', default: '1' },
      epochs: { type: 'string', default: String(EPOCHS) },
      judge: { type: 'boolean', default: false },
      force: { type: 'boolean', default: false },
      calibrate: { type: 'boolean', default: false },
      abuse: { type: 'string' },
      human: { type: 'string' },
      'labels-out': { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  // --logs a b c: the shell has made three words of it
  if (positionals.length > 0 && values.logs.length === 0 && !values.calibrate) {
    throw new UsageError(`"${positionals[0]}" is no option; logs are given as --logs FILE`);
  }
  if (values.out === '') throw new UsageError('--out: name a folder');
  const features = values.features.split(',');
  const unknown = unknownOf(features);
  if (unknown !== undefined) {
    throw new UsageError(`--features: there is no "${unknown}"; there are ${ALL_FEATURES}`);
  }
  const twice = repeatedOf(features);
  if (twice !== undefined) throw new UsageError(`--features: "${twice}" is there twice; name each once`);
  if (values.calibrate && values.logs.length + positionals.length === 0) {
    throw new UsageError('--calibrate: name the logs to set the lines by');
  }
  return {
    logs: [...values.logs, ...positionals],
    out: values.out,
    features,
    seed: whole('--seed', values.seed, 0, 2 ** 31 - 1),
    epochs: whole('--epochs', values.epochs, 1, 10_000),
    judge: values.judge,
    force: values.force,
    calibrate: values.calibrate,
    abuse: values.abuse ?? null,
    human: values.human ?? null,
    labelsOut: values['labels-out'] ?? null,
  };
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(`${name}: "${text}" is not a whole number from ${least} to ${most}`);
}
