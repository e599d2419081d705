/**
 * Windows with labels → a trained network: small, and monotone by construction. Every weight of the first layer has the
 * sign of its feature's direction, every later one is not negative, and every activation rises, so the score can only
 * rise with what looks worse (Sill, 1997; Runje and Shankaranarayana, 2023). Features are
 * logarithms, so that the first few of anything say most.
 */
import type { LayersModel, Tensor, Variable } from '@tensorflow/tfjs';
import { FEATURES } from '../scorer/features.ts';
import { scale } from '../scorer/model.ts';
import { seeded } from '../scorer/random.ts';
import { tensorflow, type Tensorflow } from '../scorer/tensorflow.ts';
import type { Scaling } from '../scorer/manifest.ts';
import { merged } from './merge.ts';
import type { Samples } from './window.ts';

/**
 * One convex layer: a second, bounded one ranked windows alike where they are worst, and did worse on sites not trained
 * on (docs/model.md).
 */
const HIDDEN = 12;
const BATCH = 1024;
/** At first; it falls to 0 along half a cosine (Loshchilov and Hutter, 2017), so that no model hangs on its last steps. */
const LEARNING_RATE = 0.02;
/**
 * Of its inputs each row misses as many, others each time (Srivastava et al., 2014). Signs that go together on the sites
 * of the training would share their weight; so each must say by itself what it says, and does where the others are missing.
 */
const DROPPED = 0.5;
/** A feature that hardly ever differs is not blown up: what is rare in training may be common elsewhere. */
const LEAST_DEVIATION = 0.05;

export interface Fitted {
  model: LayersModel;
  scaling: Scaling[];
  loss: number;
  tf: Tensorflow['tf'];
}

export interface FitOptions {
  seed: number;
  epochs: number;
  onEpoch?: (epoch: number, loss: number) => void;
}

/** Mean and deviation of ln(1 + x) of every feature, over all rows, as they weigh. */
export function scalingOf({ rows, n, names }: Samples, weights: Float64Array): Scaling[] {
  const total = weights.reduce((a, b) => a + b, 0);
  return names.map((_, k) => {
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < n; i++) {
      const x = Math.log1p(rows[i * names.length + k] as number);
      sum += x * (weights[i] as number);
      squares += x * x * (weights[i] as number);
    }
    const mean = sum / total;
    const deviation = Math.max(LEAST_DEVIATION, Math.sqrt(Math.max(0, squares / total - mean * mean)));
    return { transform: 'log1p' as const, mean, scale: deviation };
  });
}

/** Each class weighs the same, whatever its number of clients; within it clients weigh as the samples say. */
export function balanced(samples: Samples, targets: Float64Array): Float64Array {
  const totals = new Map<number, number>();
  for (let i = 0; i < samples.n; i++) {
    const target = targets[i] as number;
    totals.set(target, (totals.get(target) ?? 0) + (samples.weights[i] as number));
  }
  const share = samples.n / totals.size;
  return Float64Array.from(
    samples.weights,
    (w, i) => (w * share) / (totals.get(targets[i] as number) as number),
  );
}

function network(tf: Tensorflow['tf'], width: number, seed: number): LayersModel {
  const kernel = (more: number, inputs: number): object => ({
    kernelInitializer: tf.initializers.randomUniform({
      minval: 0,
      maxval: 2 / Math.sqrt(inputs),
      seed: seed + more,
    }),
  });
  const model = tf.sequential({ name: 'scoregate' });
  const name = 'hidden';
  model.add(
    tf.layers.dense({
      units: HIDDEN,
      activation: 'softplus',
      name,
      inputShape: [width],
      ...kernel(0, width),
    }),
  );
  // Its sigmoid would be the score if nothing were calibrated (isotonic.ts); as it is, it saturates nowhere.
  model.add(tf.layers.dense({ units: 1, name: 'output', ...kernel(9, HIDDEN) }));
  return model;
}

/** Puts the kernels back where the score is monotone: to be called after every step. */
function projector(tf: Tensorflow['tf'], model: LayersModel, names: readonly string[]): () => void {
  const directions = tf.tensor2d(
    names.map((name) => [FEATURES[name]?.direction ?? 1]),
    [names.length, 1],
  );
  const kernels = model.weights.filter((weight) => weight.name.includes('kernel'));
  return () =>
    void tf.tidy(() => {
      kernels.forEach((weight, i) => {
        const value = weight.read();
        const right = i === 0 ? value.mul(directions).relu().mul(directions) : value.relu();
        (weight.read() as Variable).assign(right as Tensor);
      });
    });
}

/**
 * @param targets 0 people, 0.5 polite, 1 abuse, a row each
 * @throws Error when there are no rows, or only one class
 */
export async function fit(samples: Samples, targets: Float64Array, options: FitOptions): Promise<Fitted> {
  if (new Set(targets).size < 2) {
    throw new Error(
      'clients of one class only: nothing can be told apart; add logs with people and with abuse',
    );
  }
  const { tf } = await tensorflow();
  const { seed, epochs, onEpoch } = options;
  const width = samples.names.length;
  const data = merged(samples, targets, balanced(samples, targets));
  const model = network(tf, width, seed);
  const scaling = scalingOf(data.samples, data.weights);
  const x = tf.tensor2d(Float32Array.from(scale(data.samples.rows, data.samples.n, scaling)), [
    data.samples.n,
    width,
  ]);
  const y = tf.tensor1d(Float32Array.from(data.targets));
  const w = tf.tensor1d(Float32Array.from(data.weights));
  const project = projector(tf, model, samples.names);
  project();
  const optimizer = tf.train.adam(LEARNING_RATE);
  const random = seeded(seed);
  let loss = NaN;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const learningRate = (LEARNING_RATE * (1 + Math.cos((Math.PI * (epoch - 1)) / epochs))) / 2;
    Object.assign(optimizer, { learningRate });
    const order = shuffled(data.samples.n, random);
    let sum = 0;
    let batches = 0;
    for (let from = 0; from < data.samples.n; from += BATCH) {
      sum += tf.tidy(() => {
        const rows = tf.tensor1d(order.subarray(from, from + BATCH), 'int32');
        const [ys, ws] = [y.gather(rows), w.gather(rows)];
        const dropped = tf.dropout(x.gather(rows), DROPPED, undefined, Math.floor(random() * 2 ** 31));
        // Not made up for, as dropout is elsewhere: a sign must not say more in training than it will by itself later.
        const xs = dropped.mul(1 - DROPPED);
        const cost = optimizer.minimize(() => {
          const output = (model.apply(xs) as Tensor).reshape([-1]);
          // cross entropy of the output's sigmoid to an ordinal target, whose minimum is the expected target
          return ws
            .mul(output.softplus().sub(ys.mul(output)))
            .mean()
            .asScalar();
        }, true);
        project();
        return (cost as Tensor).dataSync()[0] as number;
      });
      batches += 1;
    }
    loss = sum / batches;
    onEpoch?.(epoch, loss);
    await tf.nextFrame(); // lets a Ctrl-C through
  }
  for (const tensor of [x, y, w]) tensor.dispose();
  optimizer.dispose();
  return { model, scaling, loss, tf };
}

/** What the network gives for `n` rows of raw features, as TensorFlow.js computes it. */
export function predict({ model, scaling, tf }: Fitted, rows: Float64Array, n: number): Float64Array {
  if (n === 0) return new Float64Array();
  const x = tf.tensor2d(Float32Array.from(scale(rows, n, scaling)), [n, scaling.length]);
  const y = model.predictOnBatch(x) as Tensor;
  const outputs = Float64Array.from(y.dataSync());
  x.dispose();
  y.dispose();
  return outputs;
}

/** 0 … n-1 in another order. */
export function shuffled(n: number, random: () => number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}
