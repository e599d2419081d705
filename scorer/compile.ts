/**
 * A sequential dense network as a plain function over typed arrays: about 1 µs a row, where a call of TensorFlow.js
 * costs 0.1 to 2 ms however little it computes. TensorFlow.js stays the one that says what is right: model.ts checks
 * the two against each other whenever a model is loaded.
 */
import type { LayersModel } from '@tensorflow/tfjs';
import type { Scaling } from './manifest.ts';
import { softplus } from './softplus.ts';

/** rows: n × inputs scaled values, row after row → n outputs, in `into`; made if absent. */
export type Forward = (rows: Float64Array, n: number, into?: Float64Array) => Float64Array;
export type Compiled = { forward: Forward } | { reason: string };

interface Dense {
  inputs: number;
  units: number;
  /** One row of `units` weights per input, as TensorFlow.js has them. */
  weights: Float64Array;
  bias: Float64Array;
  activate: ((values: Float64Array, n: number) => void) | null;
  /** What it gave last, but for the last layer: kept because a new array costs more than a row of arithmetic. */
  output: Float64Array;
}

type Scalar = (x: number) => number;
const sigmoid: Scalar = (x) => 1 / (1 + Math.exp(-x));
const SELU_ALPHA = 1.6732632423543772; // Klambauer et al., 2017, as in TensorFlow
const SELU_SCALE = 1.0507009873554805;

/** As TensorFlow.js 4.22 computes them (tfjs-layers/src/activations.ts). */
const ACTIVATIONS: Record<string, Scalar | null> = {
  linear: null,
  relu: (x) => (x > 0 ? x : 0),
  relu6: (x) => Math.min(6, Math.max(0, x)),
  sigmoid,
  tanh: Math.tanh,
  elu: (x) => (x >= 0 ? x : Math.expm1(x)),
  selu: (x) => SELU_SCALE * (x >= 0 ? x : SELU_ALPHA * Math.expm1(x)),
  softplus,
  softsign: (x) => x / (1 + Math.abs(x)),
  hardSigmoid: (x) => Math.min(1, Math.max(0, 0.2 * x + 0.5)),
  swish: (x) => x * sigmoid(x),
  mish: (x) => x * Math.tanh(softplus(x)),
};

/**
 * @param model sequential, of Dense layers, the last with one unit, and activations that are layers of their own
 *   (ReLU, LeakyReLU); Dropout and InputLayer are passed over
 * @param scaling if given, the rows are transformed (log1p) but not yet brought to mean 0 and deviation 1: the first
 *   layer's weights do that
 * @returns the forward pass, or the reason why there is none
 */
export function compile(model: LayersModel, scaling?: readonly Scaling[]): Compiled {
  if (model.getClassName() !== 'Sequential')
    return { reason: `a ${model.getClassName()} model is not sequential` };
  const layers: Dense[] = [];
  for (const layer of model.layers) {
    const kind = layer.getClassName();
    if (kind === 'InputLayer' || kind === 'Dropout') continue; // Dropout does nothing outside training
    const last = layers.at(-1);
    const scalar = activationLayer(kind, layer.getConfig());
    if (scalar && last) {
      const [before, after] = [last.activate, each(scalar)];
      last.activate = (values, n) => (before?.(values, n), after(values, n));
      continue;
    }
    if (kind !== 'Dense') return { reason: `layer "${layer.name}" is ${kind}, not Dense` };
    const dense = readDense(layer);
    if ('reason' in dense) return dense;
    layers.push(dense);
  }
  const last = layers[layers.length - 1];
  if (last === undefined) return { reason: 'there is no Dense layer' };
  if (last.units !== 1) return { reason: `the last layer has ${last.units} units, not 1` };
  if (scaling) fold(layers[0] as Dense, scaling);
  return { forward: (rows, n, into = new Float64Array(n)) => run(layers, rows, n, into) };
}

/** w·(x - mean)/scale + b = (w/scale)·x + (b - w·mean/scale) */
function fold({ units, weights, bias }: Dense, scaling: readonly Scaling[]): void {
  scaling.forEach(({ mean, scale }, i) => {
    for (let u = 0; u < units; u++) {
      const weight = (weights[i * units + u] as number) / scale;
      weights[i * units + u] = weight;
      bias[u] = (bias[u] as number) - weight * mean;
    }
  });
}

/** As TensorFlow.js 4.22 computes them (tfjs-layers/src/layers/advanced_activations.ts). */
function activationLayer(kind: string, config: Record<string, unknown>): Scalar | undefined {
  if (kind === 'ReLU') {
    const most = config['maxValue'] == null ? Infinity : Number(config['maxValue']);
    return (x) => Math.min(most, x > 0 ? x : 0);
  }
  if (kind !== 'LeakyReLU') return undefined;
  const slope = Number(config['alpha']);
  return (x) => (x > 0 ? x : slope * x);
}

function readDense(layer: LayersModel['layers'][number]): Dense | { reason: string } {
  const config = layer.getConfig();
  const name = String(config['activation'] ?? 'linear').replace(/_([a-z])/g, (_, c: string) =>
    c.toUpperCase(),
  );
  const scalar = ACTIVATIONS[name];
  if (scalar === undefined) return { reason: `layer "${layer.name}" has the activation "${name}"` };
  const [kernel, bias] = layer.getWeights();
  const [inputs, units] = kernel?.shape ?? [];
  if (kernel === undefined || inputs === undefined || units === undefined || kernel.shape.length !== 2) {
    return { reason: `layer "${layer.name}" has no two-dimensional kernel` };
  }
  return {
    inputs,
    units,
    weights: Float64Array.from(kernel.dataSync()),
    bias: bias === undefined ? new Float64Array(units) : Float64Array.from(bias.dataSync()),
    activate: scalar === null ? null : each(scalar),
    output: new Float64Array(units),
  };
}

const softplusAll = (values: Float64Array, n: number): void => {
  for (let i = 0; i < n; i++) values[i] = softplus(values[i] as number);
};

function each(scalar: Scalar): (values: Float64Array, n: number) => void {
  // Called with one function only, the loop has it inlined; this is the one of the model that ships.
  if (scalar === softplus) return softplusAll;
  return (values, n) => {
    for (let i = 0; i < n; i++) values[i] = scalar(values[i] as number);
  };
}

/** @param into where the n outputs of the last layer go */
function run(layers: readonly Dense[], rows: Float64Array, n: number, into: Float64Array): Float64Array {
  let input = rows;
  for (let i = 0; i < layers.length; i++) {
    const layer = layers[i] as Dense;
    const size = n * layer.units;
    if (layer.output.length < size) layer.output = new Float64Array(size);
    const output = i < layers.length - 1 ? layer.output : into;
    multiply(layer, input, n, output);
    layer.activate?.(output, size);
    input = output;
  }
  return into;
}

/** Four units at a time: their sums do not wait for each other, and each input is read once for all four. */
function multiply(
  { inputs, units, weights, bias }: Dense,
  input: Float64Array,
  n: number,
  output: Float64Array,
): void {
  const blocks = units & ~3;
  for (let row = 0; row < n; row++) {
    const [from, to] = [row * inputs, row * units];
    for (let u = 0; u < blocks; u += 4) {
      let a = bias[u] as number;
      let b = bias[u + 1] as number;
      let c = bias[u + 2] as number;
      let d = bias[u + 3] as number;
      for (let i = 0, at = u; i < inputs; i++, at += units) {
        const x = input[from + i] as number;
        if (x === 0) continue; // what a client never did, as most of what the first layer is given
        a += x * (weights[at] as number);
        b += x * (weights[at + 1] as number);
        c += x * (weights[at + 2] as number);
        d += x * (weights[at + 3] as number);
      }
      output[to + u] = a;
      output[to + u + 1] = b;
      output[to + u + 2] = c;
      output[to + u + 3] = d;
    }
    for (let u = blocks; u < units; u++) {
      let value = bias[u] as number;
      for (let i = 0; i < inputs; i++)
        value += (input[from + i] as number) * (weights[i * units + u] as number);
      output[to + u] = value;
    }
  }
}
