/**
 * The model that serves: loaded from a folder, proven, then a function from raw features to scores.
 */
import type { LayersModel } from '@tensorflow/tfjs';
import { curve, type Calibration } from './calibration.ts';
import { compile, type Forward } from './compile.ts';
import {
  ModelError,
  readModelFiles,
  type Golden,
  type Manifest,
  type ModelFiles,
  type Scaling,
} from './manifest.ts';
import { isMonotone } from './monotone.ts';
import { seeded } from './random.ts';
import { tensorflow, type Backend, type Tensorflow } from './tensorflow.ts';

export { ModelError } from './manifest.ts';
export type { Manifest } from './manifest.ts';

/** Largest difference allowed to golden scores, and between the compiled forward pass and TensorFlow.js. */
export const TOLERANCE = 1e-5;
const RANDOM_ROWS = 1000;

export interface Model {
  readonly version: string;
  /** Feature names, in the order of the inputs. */
  readonly features: readonly string[];
  /** Ascending; a score belongs to the tier whose index is the number of thresholds ≤ score. */
  readonly thresholds: readonly number[];
  readonly backend: Backend;
  /** Why tfjs-node, though it is installed, does not compute. */
  readonly nativeFailure?: string;
  /** Whether a typed-array forward pass serves; if not, `uncompiled` says why. */
  readonly compiled: boolean;
  readonly uncompiled?: string;
  /** Whether the score never fell when windows were scaled up: leases may be found by bisection. */
  readonly monotone: boolean;
  readonly manifest: Manifest;
  /**
   * @param rows n × features raw values (as features() gives them), row after row
   * @param into where n scores are written if the model is compiled; made if absent
   * @returns n scores in [0, 1]; at once if the model is compiled, else a promise
   */
  score(rows: Float64Array, n: number, into?: Float64Array): Float64Array | Promise<Float64Array>;
  /** Frees what TensorFlow.js holds. No call after it. */
  close(): void;
}

/**
 * Scales n rows of raw features as the manifest says.
 * @param into where to write; made if absent
 */
export function scale(
  rows: Float64Array,
  n: number,
  scaling: readonly Scaling[],
  into: Float64Array = new Float64Array(n * scaling.length),
): Float64Array {
  const width = scaling.length;
  for (let column = 0; column < width; column++) {
    const { transform, mean, scale: by } = scaling[column] as Scaling;
    for (let i = column; i < n * width; i += width) {
      const raw = rows[i] as number;
      into[i] = ((transform === 'log1p' ? Math.log1p(raw) : raw) - mean) / by;
    }
  }
  return into;
}

/** The first half of scale(): transforms, without mean and deviation, always into the same array. */
function transformer(scaling: readonly Scaling[]): (rows: Float64Array, n: number) => Float64Array {
  const width = scaling.length;
  const logs = Uint8Array.from(scaling, ({ transform }) => Number(transform === 'log1p'));
  let into = new Float64Array(width);
  return (rows, n) => {
    if (into.length < n * width) into = new Float64Array(n * width);
    for (let from = 0; from < n * width; from += width) {
      for (let i = 0; i < width; i++) {
        const raw = rows[from + i] as number;
        // Most are 0, what a client never did, and log1p(0) does not have to be computed.
        into[from + i] = raw !== 0 && logs[i] === 1 ? Math.log1p(raw) : raw;
      }
    }
    return into;
  };
}

/** What the network gives → scores between 0 and 1, in place: by the calibration, or cut there. */
export function finisher(calibration: Calibration | undefined): (outputs: Float64Array) => Float64Array {
  const one = calibration ? curve(calibration) : (x: number): number => Math.min(1, Math.max(0, x));
  return (outputs) => {
    for (let i = 0; i < outputs.length; i++) outputs[i] = one(outputs[i] as number);
    return outputs;
  };
}

/**
 * @param dir a folder with model.json, weights.bin, manifest.json and golden.json
 * @throws ModelError if anything about it is not as its manifest says; the file, the reason and the fix are in it
 */
export async function loadModel(dir: string): Promise<Model> {
  const files = await readModelFiles(dir);
  const tensorflowjs = await tensorflow();
  const layers = await loadLayers(files, tensorflowjs, `${dir}/model.json`);
  try {
    return await prove(files, layers, tensorflowjs, dir);
  } catch (error) {
    layers.dispose();
    throw error;
  }
}

async function loadLayers(files: ModelFiles, { tf }: Tensorflow, file: string): Promise<LayersModel> {
  const { topology, weights, manifest } = files;
  let layers: LayersModel;
  try {
    const artifacts = {
      modelTopology: topology.modelTopology,
      weightSpecs: topology.weightsManifest.flatMap((group) => group.weights),
      weightData: weights.slice().buffer,
    };
    layers = await tf.loadLayersModel({ load: () => Promise.resolve(artifacts) });
  } catch (error) {
    const fix = 'save it with a LayersModel of TensorFlow.js 4';
    throw new ModelError(
      'MODEL_MALFORMED',
      file,
      `TensorFlow.js cannot load it: ${(error as Error).message}`,
      fix,
    );
  }
  const [input, output] = [layers.inputs[0]?.shape, layers.outputs[0]?.shape];
  const width = manifest.features.length;
  const fits = layers.inputs.length === 1 && input?.length === 2 && input[1] === width;
  if (fits && layers.outputs.length === 1 && output?.length === 2 && output[1] === 1) return layers;
  layers.dispose();
  const reason = `maps ${JSON.stringify(input)} to ${JSON.stringify(output)}`;
  throw new ModelError('MODEL_SHAPE', file, reason, `it must map [null,${width}] to [null,1]`);
}

/**
 * Rows (scaled) → scores by TensorFlow.js in one batch; `predict` would cut it into 32s. At once: both backends compute
 * on this thread, so that a promise would only be later.
 */
function throughTensorflow(layers: LayersModel, { tf }: Tensorflow, width: number) {
  return (rows: Float64Array, n: number): Float64Array => {
    if (n === 0) return new Float64Array(0);
    const output = tf.tidy(() => {
      const predicted = layers.predictOnBatch(tf.tensor2d(Float32Array.from(rows), [n, width]));
      return Array.isArray(predicted) ? (predicted[0] as (typeof predicted)[0]) : predicted;
    });
    try {
      return Float64Array.from(output.dataSync());
    } finally {
      output.dispose();
    }
  };
}

async function prove(
  files: ModelFiles,
  layers: LayersModel,
  tensorflowjs: Tensorflow,
  dir: string,
): Promise<Model> {
  const { manifest, golden } = files;
  const { features, scaling } = manifest;
  const finish = finisher(manifest.calibration);
  const { backend, nativeFailure } = tensorflowjs;
  const slow = throughTensorflow(layers, tensorflowjs, features.length);
  const goldenRows = scale(Float64Array.from(golden.inputs.flat()), golden.inputs.length, scaling);
  checkGolden(finish(slow(goldenRows, golden.inputs.length)), golden, `${dir}/golden.json`);
  const fast = proven(compile(layers, scaling), slow, goldenRows, scaling, finish);
  const forward = 'forward' in fast ? fast.forward : undefined;
  // Compiled serving needs nothing of TensorFlow.js from here on.
  if (forward) layers.dispose();
  const transformed = transformer(scaling);
  const score = forward
    ? (rows: Float64Array, n: number, into?: Float64Array) => finish(forward(transformed(rows, n), n, into))
    : (rows: Float64Array, n: number) => finish(slow(scale(rows, n, scaling), n));
  return {
    version: manifest.version,
    features,
    thresholds: manifest.thresholds,
    backend,
    ...(nativeFailure === undefined ? {} : { nativeFailure }),
    compiled: forward !== undefined,
    ...('reason' in fast ? { uncompiled: fast.reason } : {}),
    // float32 sums differ by some 1e-7 from row to row even where the function does not fall
    monotone: await isMonotone(score, features, forward ? 1e-9 : 1e-6),
    manifest,
    score,
    close: () => (forward ? undefined : void layers.dispose()),
  };
}

function checkGolden(scores: Float64Array, golden: Golden, file: string): void {
  golden.scores.forEach((expected, i) => {
    const got = scores[i] as number;
    if (Math.abs(got - expected) <= TOLERANCE) return; // written so that NaN fails
    const reason = `row ${i} (${JSON.stringify(golden.inputs[i])}) must give ${expected}, the model gives ${got}`;
    throw new ModelError('MODEL_GOLDEN', file, reason, 'run "npm run train" to write the model again');
  });
}

/** Compares the compiled forward pass's scores with TensorFlow.js's on the golden rows and on random ones around them. */
function proven(
  compiled: ReturnType<typeof compile>,
  slow: (rows: Float64Array, n: number) => Float64Array,
  goldenRows: Float64Array,
  scaling: readonly Scaling[],
  finish: (outputs: Float64Array) => Float64Array,
): { forward: Forward } | { reason: string } {
  if ('reason' in compiled) return compiled;
  const random = seeded(1);
  const width = scaling.length;
  // Scaled inputs have mean 0 and deviation 1; ±6 is more than they reach.
  const randomRows = Float64Array.from({ length: RANDOM_ROWS * width }, () => 12 * random() - 6);
  const rows = new Float64Array([...goldenRows, ...randomRows]);
  const n = rows.length / width;
  const at = (i: number): Scaling => scaling[i % width] as Scaling;
  // What is compiled scales by itself.
  const unscaled = rows.map((value, i) => value * at(i).scale + at(i).mean);
  const [one, other] = [finish(compiled.forward(unscaled, n)), finish(slow(rows, n))];
  const apart = one.reduce((most, value, i) => Math.max(most, Math.abs(value - (other[i] as number))), 0);
  if (apart <= TOLERANCE) return compiled;
  return { reason: `the compiled forward pass differs from TensorFlow.js by ${apart}` };
}
