/** Models for tests: one written by hand into a folder, and fakes that are only a function. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { versionOf } from '../../scorer/manifest.ts';
import type { Judging } from '../../scorer/judge.ts';

/** sigmoid(slope × (ln(1 + requests_60s) - ln(1 + middle))): 0.5 at `middle` requests a minute. */
export interface OneFeature {
  slope?: number;
  middle?: number;
  thresholds?: number[];
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const curve =
  ({ slope = 3, middle = 100 }: OneFeature) =>
  (requests: number): number =>
    sigmoid(slope * (Math.log1p(requests) - Math.log1p(middle)));

/** The same as a function. */
export function fakeModel(options: OneFeature = {}): Judging & { calls: number } {
  const score = curve(options);
  const model = {
    features: ['requests_60s'],
    thresholds: options.thresholds ?? [0.35, 0.7],
    monotone: true,
    calls: 0,
    score: (rows: Float64Array, n: number): Float64Array => {
      model.calls += 1;
      return Float64Array.from({ length: n }, (_, i) => score(rows[i] as number));
    },
  };
  return model;
}

/** Writes model.json, weights.bin, golden.json and manifest.json; returns the version. */
export function writeModel(dir: string, options: OneFeature = {}): string {
  mkdirSync(dir, { recursive: true });
  const weights = Buffer.from(new Float32Array([options.slope ?? 3, 0]).buffer);
  const dense = {
    class_name: 'Dense',
    config: {
      name: 'd',
      trainable: true,
      units: 1,
      activation: 'sigmoid',
      use_bias: true,
      batch_input_shape: [null, 1],
      dtype: 'float32',
    },
  };
  const modelJson = JSON.stringify({
    format: 'layers-model',
    modelTopology: {
      class_name: 'Sequential',
      config: { name: 's', layers: [dense] },
      keras_version: 'tfjs',
      backend: 'tensor_flow.js',
    },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: [
          { name: 'd/kernel', shape: [1, 1], dtype: 'float32' },
          { name: 'd/bias', shape: [1], dtype: 'float32' },
        ],
      },
    ],
  });
  const inputs = Array.from({ length: 30 }, (_, i) => [i * i]);
  const score = curve(options);
  const golden = JSON.stringify({ inputs, scores: inputs.map(([requests]) => score(requests as number)) });
  const hash = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');
  const serving = {
    features: ['requests_60s'],
    scaling: [{ transform: 'log1p' as const, mean: Math.log1p(options.middle ?? 100), scale: 1 }],
    thresholds: options.thresholds ?? [0.35, 0.7],
  };
  const manifest = {
    format: 1,
    version: versionOf(modelJson, weights, serving),
    ...serving,
    data: {},
    metrics: {},
    seed: 1,
    backend: 'wasm',
    files: { 'model.json': hash(modelJson), 'weights.bin': hash(weights), 'golden.json': hash(golden) },
  };
  writeFileSync(join(dir, 'model.json'), modelJson);
  writeFileSync(join(dir, 'weights.bin'), weights);
  writeFileSync(join(dir, 'golden.json'), golden);
  writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest));
  return manifest.version;
}
