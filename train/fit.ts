/**
 * Windows with labels → a trained network. Small, and monotone in every feature that only abuse has more of: kernels
 * are kept non-negative after every step (as tf.constraints.nonNeg does) and the activations rise.
 */
import type { LayersModel, Tensor, Variable } from '@tensorflow/tfjs';
import { scale } from '../scorer/model.ts';
import { seeded } from '../scorer/random.ts';
import { tensorflow, type Tensorflow } from '../scorer/tensorflow.ts';
import type { Scaling } from '../scorer/manifest.ts';
import type { Samples } from './window.ts';

const HIDDEN = 8;
const BATCH = 512;
const LEARNING_RATE = 0.03;

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

/** Mean and deviation of ln(1 + x) of every feature, over all rows. */
export function scalingOf({ rows, n, names }: Samples): Scaling[] {
  return names.map((_, k) => {
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < n; i++) {
      const x = Math.log1p(rows[i * names.length + k] as number);
      sum += x;
      squares += x * x;
    }
    const mean = sum / n;
    return { transform: 'log1p' as const, mean, scale: Math.sqrt(Math.max(1e-6, squares / n - mean * mean)) };
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
  const kernel = (more: number): object => ({
    kernelInitializer: tf.initializers.randomUniform({ minval: 0, maxval: 0.6, seed: seed + more }),
  });
  const model = tf.sequential({
    layers: [
      tf.layers.dense({
        units: HIDDEN,
        inputShape: [width],
        activation: 'tanh',
        name: 'hidden',
        ...kernel(0),
      }),
      tf.layers.dense({ units: 1, activation: 'sigmoid', name: 'score', ...kernel(1) }),
    ],
    name: 'scoregate',
  });
  const scaling = scalingOf(samples);
  const x = tf.tensor2d(Float32Array.from(scale(samples.rows, samples.n, scaling)), [samples.n, width]);
  const y = tf.tensor1d(Float32Array.from(targets));
  const w = tf.tensor1d(Float32Array.from(balanced(samples, targets)));
  const optimizer = tf.train.adam(LEARNING_RATE);
  const random = seeded(seed);
  const kernels = model.weights.filter((weight) => weight.name.includes('kernel'));
  let loss = NaN;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const order = shuffled(samples.n, random);
    let sum = 0;
    let batches = 0;
    for (let from = 0; from < samples.n; from += BATCH) {
      sum += tf.tidy(() => {
        const rows = tf.tensor1d(order.subarray(from, from + BATCH), 'int32');
        const [xs, ys, ws] = [x.gather(rows), y.gather(rows), w.gather(rows)];
        const cost = optimizer.minimize(() => {
          const score = (model.apply(xs) as Tensor).reshape([-1]);
          return ws.mul(score.sub(ys).square()).mean();
        }, true);
        for (const weight of kernels) (weight.read() as Variable).assign(weight.read().relu());
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

/** The network's scores for `n` rows of raw features, as TensorFlow.js computes them. */
export function predict({ model, scaling, tf }: Fitted, rows: Float64Array, n: number): Float64Array {
  if (n === 0) return new Float64Array();
  const x = tf.tensor2d(Float32Array.from(scale(rows, n, scaling)), [n, scaling.length]);
  const y = model.predictOnBatch(x) as Tensor;
  const scores = Float64Array.from(y.dataSync());
  x.dispose();
  y.dispose();
  return scores;
}

function shuffled(n: number, random: () => number): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order;
}
