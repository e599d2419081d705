/** A file that Keras saved → layers → folded into dense ones → checked → model/. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Value } from 'typebox/value';
import { features as valuesOf } from '../../scorer/features.ts';
import { Golden, sha256, type Scaling } from '../../scorer/manifest.ts';
import { TOLERANCE, loadModel } from '../../scorer/model.ts';
import { busyWindow, randomWindow } from '../../scorer/monotone.ts';
import { seeded } from '../../scorer/random.ts';
import { tensorflow, type Tensorflow } from '../../scorer/tensorflow.ts';
import { write } from '../write.ts';
import { build, isBounded, predict, scored } from './build.ts';
import { chainOf } from './chain.ts';
import { KerasError } from './error.ts';
import { readKeras } from './file.ts';
import { fold, type DenseLayer } from './fold.ts';
import { columnsOf, featuresOf, scalingOf } from './inputs.ts';
import { stepsOf } from './layers.ts';
import type { Options } from './options.ts';
import { summary } from './summary.ts';

const SEED = 3;
const GOLDEN = 64;

/** What Keras itself predicted, for rows of raw features. */
function readPredictions(file: string, width: number): Golden {
  const fix = `give {"inputs": [[…], …], "scores": […]}, at least 20 rows of ${width} raw features`;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new KerasError(file, (error as Error).message, fix);
  }
  if (Value.Check(Golden, value) && value.inputs.length === value.scores.length) {
    if (value.inputs.every((row) => row.length === width)) return value;
  }
  throw new KerasError(file, 'does not hold predictions for these features', fix);
}

/** Raw features of windows such as clients have, an empty one and a very busy one among them. */
function rowsOf(names: readonly string[]): number[][] {
  const random = seeded(SEED);
  const rows = Array.from({ length: GOLDEN - 2 }, () => [...valuesOf(randomWindow(random), names)]);
  return [names.map(() => 0), [...valuesOf(busyWindow(), names)], ...rows];
}

/** @throws KerasError if the model gives no scores from 0 to 1, or others than Keras */
function goldenOf(
  rows: Golden | number[][],
  network: DenseLayer[],
  score: (rows: number[][]) => number[],
  { file, predictions }: Options,
): { golden: Golden; apart: number | null } {
  const inputs = Array.isArray(rows) ? rows : rows.inputs;
  const scores = score(inputs);
  const outside = scores.findIndex((one) => !(one >= 0 && one <= 1));
  if (outside >= 0 && !isBounded(network)) {
    const name = network.at(-1)?.activation?.name ?? 'linear';
    const reason = `its activation "${name}" gives ${scores[outside]} for ${JSON.stringify(inputs[outside])}`;
    throw new KerasError(`${file}, output`, reason, 'a score is from 0 to 1: let the model end with sigmoid');
  }
  if (Array.isArray(rows)) return { golden: { inputs, scores }, apart: null };
  const apart = scores.map((one, i) => Math.abs(one - (rows.scores[i] as number)));
  const most = apart.reduce((a, b) => Math.max(a, b), 0);
  const row = apart.indexOf(most);
  if (most <= TOLERANCE) return { golden: rows, apart: most };
  const reason = `row ${row}: Keras predicted ${rows.scores[row]}, the imported model gives ${scores[row]}`;
  const fix = 'are --features, --log1p, --mean and --scale as in training?';
  throw new KerasError(predictions ?? '', reason, fix);
}

/** The file, folded: everything that does not need TensorFlow.js. */
async function read(chosen: Options) {
  const keras = await readKeras(chosen.file);
  try {
    const chain = chainOf(keras);
    const given = featuresOf(chain, chosen.features, chosen.file);
    const givenScaling = scalingOf(given, chosen);
    const columns = columnsOf(chain);
    const inOrder = <T>(values: readonly T[]): T[] => columns.map((i) => values[i] as T);
    const { scaling, layers } = fold(stepsOf(chain, keras), inOrder<Scaling>(givenScaling));
    const network = scored(layers, chosen.classScores, chosen.file);
    const data = {
      source: 'keras',
      file: path.basename(chosen.file),
      sha256: sha256(keras.bytes),
      keras: keras.version,
      layers: chain.layers.map(({ name, className }) => `${name} (${className})`),
    };
    return { names: inOrder(given), scaling, network, data, inOrder };
  } finally {
    keras.close();
  }
}

/**
 * @returns what the user must know of the model that is now there
 * @throws KerasError if the file cannot be imported; what is at `out` is then as it was
 */
export async function convert(chosen: Options): Promise<string> {
  const { names, scaling, network, data, inOrder } = await read(chosen);
  const { tf, backend }: Tensorflow = await tensorflow();
  const model = build(network, tf);
  const rows =
    chosen.predictions === null ? rowsOf(names) : readPredictions(chosen.predictions, names.length);
  const ordered = Array.isArray(rows) ? rows : { ...rows, inputs: rows.inputs.map((row) => inOrder(row)) };
  const score = (inputs: number[][]): number[] => predict(model, scaling, inputs, tf);
  const { golden, apart } = goldenOf(ordered, network, score, chosen);
  const metrics = apart === null ? {} : { predictions: golden.scores.length, largest_difference: apart };
  const manifest = {
    features: names,
    scaling,
    thresholds: chosen.thresholds,
    data,
    metrics,
    seed: SEED,
    backend,
  };
  await write(chosen.out, { model, golden, manifest });
  model.dispose();
  const loaded = await loadModel(chosen.out);
  try {
    const head = `${data.file}: Keras ${data.keras}, ${data.layers.length} layers, now ${network.length} dense`;
    const said =
      apart === null ? [] : [`differs from Keras's predictions by ${apart.toExponential(1)} at most`];
    return [head, ...said, await summary(loaded, chosen.out, rowsOf(names))].join('\n');
  } finally {
    loaded.close();
  }
}
