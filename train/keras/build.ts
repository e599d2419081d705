/** Dense layers → a model of TensorFlow.js whose scores are one number from 0 to 1. */
import type { LayersModel, Tensor, layers } from '@tensorflow/tfjs';
import { scale } from '../../scorer/model.ts';
import type { Scaling } from '../../scorer/manifest.ts';
import type { Tensorflow } from '../../scorer/tensorflow.ts';
import { KerasError } from './error.ts';
import type { DenseLayer } from './fold.ts';

type TF = Tensorflow['tf'];
type Named = NonNullable<Parameters<TF['layers']['dense']>[0]['activation']>;

const BOUNDED = ['sigmoid', 'hardSigmoid'];

/**
 * Several classes become one score: their probabilities, each times the score of its class.
 * @throws KerasError if the output is no score
 */
export function scored(
  network: readonly DenseLayer[],
  classScores: readonly number[] | null,
  file: string,
): DenseLayer[] {
  const last = network.at(-1) as DenseLayer;
  const classes = last.units;
  const place = `${file}, output`;
  if (last.activation?.name !== 'softmax') {
    if (classScores) throw new KerasError(place, 'is no softmax', 'leave --class-scores out');
    if (classes === 1) return [...network];
    throw new KerasError(
      place,
      `is ${classes} values`,
      'it must be one, from 0 to 1, or a softmax with --class-scores',
    );
  }
  if (classes === 1)
    throw new KerasError(place, 'is a softmax of one value, which is always 1', 'use sigmoid');
  const example = Array.from({ length: classes }, (_, i) => +(i / (classes - 1)).toFixed(2)).join(',');
  const fix = `give the score of each class, in the order of the outputs: --class-scores ${example}`;
  if (!classScores) throw new KerasError(place, `is a softmax of ${classes} classes`, fix);
  if (classScores.length !== classes) {
    throw new KerasError(place, `has ${classes} classes for ${classScores.length} --class-scores`, fix);
  }
  const mean = {
    inputs: classes,
    units: 1,
    kernel: Float64Array.from(classScores),
    bias: new Float64Array(1),
  };
  return [...network, { name: 'class_scores', ...mean }];
}

/** Whether the last layers can give nothing outside 0 to 1, whatever the weights. */
export function isBounded(network: readonly DenseLayer[]): boolean {
  const last = network.at(-1) as DenseLayer;
  return (
    BOUNDED.includes(last.activation?.name ?? 'linear') || network.at(-2)?.activation?.name === 'softmax'
  );
}

export function build(network: readonly DenseLayer[], tf: TF): LayersModel {
  const model = tf.sequential({ name: 'scoregate', layers: network.flatMap((layer) => layersOf(layer, tf)) });
  tf.tidy(() =>
    model.setWeights(
      network.flatMap(({ inputs, units, kernel, bias }) => [
        tf.tensor2d(Float32Array.from(kernel), [inputs, units]),
        tf.tensor1d(Float32Array.from(bias)),
      ]),
    ),
  );
  return model;
}

function layersOf({ name, inputs, units, activation }: DenseLayer, tf: TF): layers.Layer[] {
  const dense = (by: Named): layers.Layer =>
    tf.layers.dense({ name, units, inputShape: [inputs], activation: by, kernelInitializer: 'zeros' });
  if (activation === undefined) return [dense('linear')];
  const after = `${name}_${activation.name}`;
  if ('slope' in activation)
    return [dense('linear'), tf.layers.leakyReLU({ name: after, alpha: activation.slope })];
  if ('most' in activation)
    return [dense('linear'), tf.layers.reLU({ name: after, maxValue: activation.most })];
  return [dense(activation.name as Named)];
}

/** Scores of rows of raw features, as TensorFlow.js computes them. */
export function predict(
  model: LayersModel,
  scaling: readonly Scaling[],
  rows: readonly number[][],
  tf: TF,
): number[] {
  const scaled = Float32Array.from(scale(Float64Array.from(rows.flat()), rows.length, scaling));
  return tf.tidy(() => {
    const output = model.predictOnBatch(tf.tensor2d(scaled, [rows.length, scaling.length])) as Tensor;
    return [...output.dataSync()];
  });
}
