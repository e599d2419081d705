import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import type { LayersModel, Tensor, layers } from '@tensorflow/tfjs';
import { compile } from '../../scorer/compile.ts';
import { loadModel } from '../../scorer/model.ts';
import { seeded } from '../../scorer/random.ts';
import { tensorflow } from '../../scorer/tensorflow.ts';
import { write } from '../../train/write.ts';
import { assertBackend } from './backend.ts';

const dir = mkdtempSync(join(tmpdir(), 'scoregate-compile-'));
after(() => rmSync(dir, { recursive: true }));
const chosen = await tensorflow();
const { tf, backend } = chosen;
assertBackend(chosen);
type Activation = NonNullable<Parameters<typeof layers.dense>[0]['activation']>;

const dense = (units: number, activation: Activation, more: object = {}): layers.Layer =>
  tf.layers.dense({
    units,
    activation,
    kernelInitializer: tf.initializers.randomNormal({ stddev: 0.7, seed: units }),
    biasInitializer: tf.initializers.randomNormal({ stddev: 0.5, seed: units + 1 }),
    ...more,
  });

const ACTIVATIONS: Activation[] = [
  ...(['linear', 'relu', 'relu6', 'sigmoid', 'tanh', 'elu', 'selu'] as const),
  ...(['softplus', 'softsign', 'hardSigmoid', 'swish', 'mish'] as const),
];

for (const activation of ACTIVATIONS) {
  test(`a network with ${activation} computes the same when compiled`, () => {
    const first = dense(7, activation, { inputShape: [3] });
    const model = tf.sequential({
      layers: [first, tf.layers.dropout({ rate: 0.5 }), dense(5, activation), dense(1, 'sigmoid')],
    });
    const compiled = compile(model);
    assert.ok('forward' in compiled, JSON.stringify(compiled));
    const random = seeded(7);
    const rows = Float64Array.from({ length: 300 }, () => 12 * random() - 6);
    const expected = (model.predictOnBatch(tf.tensor2d(Float32Array.from(rows), [100, 3])) as Tensor).dataSync();
    compiled.forward(rows, 100).forEach((score, i) => {
      assert.ok(Math.abs(score - (expected[i] as number)) <= 1e-5, `row ${i}: ${score}, ${expected[i]}`);
    });
    model.dispose();
  });
}

test('activations that are layers of their own compute the same when compiled', () => {
  const model = tf.sequential({
    layers: [
      dense(7, 'linear', { inputShape: [3] }),
      tf.layers.leakyReLU({ alpha: 0.3 }),
      dense(6, 'tanh'),
      tf.layers.reLU({ maxValue: 0.6 }),
      dense(5, 'linear'),
      tf.layers.reLU(),
      dense(1, 'sigmoid'),
    ],
  });
  const compiled = compile(model);
  assert.ok('forward' in compiled, JSON.stringify(compiled));
  const random = seeded(8);
  const rows = Float64Array.from({ length: 300 }, () => 12 * random() - 6);
  const expected = (model.predictOnBatch(tf.tensor2d(Float32Array.from(rows), [100, 3])) as Tensor).dataSync();
  compiled.forward(rows, 100).forEach((score, i) => {
    assert.ok(Math.abs(score - (expected[i] as number)) <= 1e-5, `row ${i}: ${score}, ${expected[i]}`);
  });
  model.dispose();
});

const uncompilable: [string, RegExp, () => LayersModel][] = [
  [
    'an activation over the whole row',
    /activation "softmax"/,
    () => tf.sequential({ layers: [dense(3, 'softmax', { inputShape: [2] }), dense(1, 'sigmoid')] }),
  ],
  [
    'a layer that is not dense',
    /BatchNormalization, not Dense/,
    () => tf.sequential({ layers: [tf.layers.batchNormalization({ inputShape: [2] }), dense(1, 'sigmoid')] }),
  ],
  ['two outputs', /has 2 units/, () => tf.sequential({ layers: [dense(2, 'sigmoid', { inputShape: [2] })] })],
  [
    'a graph',
    /not sequential/,
    () => {
      const input = tf.input({ shape: [2] });
      return tf.model({ inputs: input, outputs: dense(1, 'sigmoid').apply(input) as never });
    },
  ],
];
for (const [what, reason, make] of uncompilable) {
  test(`${what} is not compiled, and the reason says so`, () => {
    const model = make();
    const compiled = compile(model);
    assert.ok('reason' in compiled);
    assert.match(compiled.reason, reason);
    model.dispose();
  });
}

/** Writes a model of requests_60s with its own scores as golden rows, and loads it. */
async function written(name: string, model: LayersModel) {
  const inputs = Array.from({ length: 20 }, (_, i) => [i * 20]);
  const scaled = Float32Array.from(inputs, ([x]) => (Math.log1p(x as number) - 3) / 1.5);
  const raw = (model.predictOnBatch(tf.tensor2d(scaled, [20, 1])) as Tensor).dataSync();
  const scores = [...raw].map((score) => Math.min(1, Math.max(0, score)));
  const manifest = {
    features: ['requests_60s'],
    scaling: [{ transform: 'log1p' as const, mean: 3, scale: 1.5 }],
    thresholds: [0.3, 0.7],
    data: {},
    metrics: {},
    seed: 1,
    backend,
  };
  await write(join(dir, name), { model, manifest, golden: { inputs, scores } });
  return { loaded: await loadModel(join(dir, name)), inputs, scores };
}

const one = (activation: Activation, weight: number): layers.Layer =>
  dense(1, activation, { inputShape: [1], kernelInitializer: tf.initializers.constant({ value: weight }) });

test('a model that cannot be compiled serves through TensorFlow.js, in one batch, and leaks no tensor', async () => {
  const hidden = dense(3, 'softmax', { inputShape: [1] });
  const { loaded, inputs, scores } = await written('batches', tf.sequential({ layers: [hidden, dense(1, 'sigmoid')] }));
  assert.equal(loaded.compiled, false);
  assert.match(loaded.uncompiled ?? '', /softmax/);
  const rows = Float64Array.from({ length: 500 }, (_, i) => (inputs[i % 20] as number[])[0] as number);
  const before = tf.memory().numTensors;
  const got = await loaded.score(rows, 500);
  assert.equal(tf.memory().numTensors, before);
  got.forEach((score, i) => assert.ok(Math.abs(score - (scores[i % 20] as number)) <= 1e-5));
  assert.equal((await loaded.score(new Float64Array(0), 0)).length, 0);
  loaded.close();
});

test('a compiled model leaves no tensor behind, so that serving needs no TensorFlow.js', async () => {
  const model = tf.sequential({ layers: [one('sigmoid', 1)] });
  const before = tf.memory().numTensors;
  const { loaded } = await written('rising', model);
  // written() makes two tensors of its own: the golden rows and their scores.
  assert.equal(tf.memory().numTensors, before + 2);
  assert.ok(loaded.compiled && loaded.monotone);
});

test('a model whose score falls when a client does more is found out', async () => {
  const { loaded } = await written('falling', tf.sequential({ layers: [one('sigmoid', -1)] }));
  assert.equal(loaded.monotone, false);
});

test('a score is never outside 0 to 1, whatever the network gives', async () => {
  const { loaded } = await written('unbounded', tf.sequential({ layers: [one('linear', 1)] }));
  assert.deepEqual([...(await loaded.score(Float64Array.of(0, 1e6), 2))], [0, 1]);
});
