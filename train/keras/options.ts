/** The command line of `npm run import-keras`. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../../config/paths.ts';
import { UsageError } from '../options.ts';

export const USAGE = `npm run import-keras -- FILE [options]

  FILE                 a model saved by Keras 2 or 3: .h5 or .keras
  --out DIR            where to write the model; default model/
  --features LIST      what the inputs are, comma-separated: features in the order of the inputs, or INPUT=FEATURE
                       pairs; default requests_60s for a model with one input
  --thresholds LIST    lines between the tiers, comma-separated; default 0.35,0.7
  --class-scores LIST  the score of each class, for a model that ends with softmax: 0,0.5,1
  --log1p              the model was trained on ln(1 + x) of the features
  --mean LIST          what was subtracted from each feature (after --log1p) before training; default 0
  --scale LIST         what it was then divided by (StandardScaler's scale_); default 1
  --predictions FILE   rows with what Keras predicted for them, {"inputs": [[…], …], "scores": […]}, at least 20: the
                       import fails if they differ by more than 0.00001, and they become the model's golden rows
  --help
`;

export interface Options {
  file: string;
  out: string;
  features: string[] | null;
  thresholds: number[];
  classScores: number[] | null;
  log1p: boolean;
  mean: number[] | null;
  scale: number[] | null;
  predictions: string | null;
}

/** The original design has three tiers; these divide 0 to 1 into about three. */
const THRESHOLDS = '0.35,0.7';

/** @returns null when only help is wanted
 * @throws UsageError, or an error of parseArgs for unknown options */
export function options(argv: string[]): Options | null {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      out: { type: 'string', default: path.join(root, 'model') },
      features: text,
      thresholds: { type: 'string', default: THRESHOLDS },
      'class-scores': text,
      log1p: { type: 'boolean', default: false },
      mean: text,
      scale: text,
      predictions: text,
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const [file, other] = positionals;
  if (file === undefined) throw new UsageError('name the file that Keras saved');
  if (other !== undefined) throw new UsageError(`"${other}" is one file too many; import one at a time`);
  if (values.out === '') throw new UsageError('--out: name a folder');
  return {
    file,
    out: values.out,
    features: values.features === undefined ? null : values.features.split(',').map((name) => name.trim()),
    thresholds: thresholds(numbers('--thresholds', values.thresholds) as number[]),
    classScores: within(numbers('--class-scores', values['class-scores'])),
    log1p: values.log1p,
    mean: numbers('--mean', values.mean),
    scale: positive(numbers('--scale', values.scale)),
    predictions: values.predictions ?? null,
  };
}

function numbers(name: string, list: string | undefined): number[] | null {
  if (list === undefined) return null;
  return list.split(',').map((text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value)) return value;
    throw new UsageError(`${name}: "${text}" is not a number`);
  });
}

function thresholds(values: number[]): number[] {
  if (values.every((one, i) => one > (values[i - 1] ?? 0) && one < 1)) return values;
  throw new UsageError(`--thresholds: ${values.join(',')} must rise, between 0 and 1`);
}

function within(scores: number[] | null): number[] | null {
  if (!scores?.some((one) => one < 0 || one > 1)) return scores;
  throw new UsageError(`--class-scores: ${scores.join(',')} must be from 0 to 1`);
}

function positive(values: number[] | null): number[] | null {
  if (!values?.some((one) => one <= 0)) return values;
  throw new UsageError(`--scale: ${values.join(',')} must be above 0`);
}
