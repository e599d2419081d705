/** Layers of Keras → steps of three kinds: a dense product, a line for each column, an activation. */
import { activationOf, ofLayer, type Activated, type Activation } from './activations.ts';
import type { Chain, Layer } from './chain.ts';
import { KerasError } from './error.ts';
import type { KerasFile } from './file.ts';
import type { Weight } from './hdf5.ts';

/** Column i of a row becomes by[i] × value + plus[i]. */
export interface Lines {
  by: Float64Array;
  plus: Float64Array;
}
export interface Product {
  inputs: number;
  units: number;
  /** inputs × units, row after row, as Keras and TensorFlow.js have it. */
  kernel: Float64Array;
  bias: Float64Array;
}
export type Step = { layer: string } & (
  | ({ kind: 'lines' } & Lines)
  | ({ kind: 'product' } & Product)
  | { kind: 'activation'; activation: Activation }
);

/** A layer as errors name it. */
export interface Place {
  text: string;
}

/** These do something in training only, or nothing to a row of numbers. */
const NOTHING = [
  ...['InputLayer', 'Dropout', 'Flatten', 'GaussianDropout', 'GaussianNoise', 'AlphaDropout'],
  ...['ActivityRegularization'],
];
const KNOWN = [
  ...['Dense', 'BatchNormalization', 'Normalization', 'Rescaling', 'Activation', 'ReLU', 'LeakyReLU', 'ELU'],
  ...['Softmax', ...NOTHING],
];

interface Reading extends Place {
  layer: Layer;
  file: KerasFile;
  /** The columns of the rows that the layer is given. */
  width: number;
  weights(names: readonly string[]): Weight[];
}

/** @throws KerasError at a layer that cannot be imported */
export function stepsOf(chain: Chain, file: KerasFile): Step[] {
  let width = chain.inputs.reduce((sum, input) => sum + input.width, 0);
  return chain.layers.flatMap((layer) => {
    const steps = read(reading(layer, file, width));
    for (const step of steps) if (step.kind === 'product') width = step.units;
    return steps;
  });
}

function reading(layer: Layer, file: KerasFile, width: number): Reading {
  const text = `${file.file}, layer "${layer.name}" (${layer.className})`;
  const weights = (names: readonly string[]): Weight[] =>
    file.weights(layer, names).map((weight, i) => {
      if (weight === undefined) {
        throw new KerasError(
          text,
          `its ${names[i]} is not in the file`,
          'save the whole model with model.save()',
        );
      }
      if (!weight.values.every(Number.isFinite)) {
        throw new KerasError(
          text,
          `its ${names[i]} holds a value that is no number`,
          'train the model again',
        );
      }
      return weight;
    });
  return { text, layer, file, width, weights };
}

function read(at: Reading): Step[] {
  const { className, config, name } = at.layer;
  const dtype = config['dtype'] as string | { config?: { name?: string } } | undefined;
  const type = typeof dtype === 'object' ? dtype?.config?.name : dtype;
  if (type?.includes('16'))
    throw new KerasError(at.text, `computes in ${type}`, 'save the model with float32');
  if (NOTHING.includes(className)) return [];
  const keras = parseInt(at.file.version, 10);
  const activated = (given: unknown): Step[] => activation(name, activationOf(given, keras, at), at.width);
  if (className === 'Dense') {
    const product = dense(at);
    return [
      { layer: name, kind: 'product', ...product },
      ...activation(name, activationOf(config['activation'], keras, at), product.units),
    ];
  }
  if (className === 'Activation') return activated(config['activation']);
  const lines = Object.hasOwn(LINES, className) ? LINES[className]?.(at) : undefined;
  if (lines && ![...lines.by, ...lines.plus].every(Number.isFinite))
    throw new KerasError(at.text, 'holds numbers that are not finite', 'train it again and save it');
  if (lines) return [{ layer: name, kind: 'lines', ...lines }];
  const own = ofLayer(className, config, at);
  if (own) return activation(name, { activation: own }, at.width);
  throw new KerasError(at.text, 'cannot be imported', `layers that can be: ${KNOWN.join(', ')}`);
}

function activation(layer: string, { activation, factor }: Activated, width: number): Step[] {
  const step: Step = { layer, kind: 'activation', activation };
  if (factor === undefined) return [step];
  const by = new Float64Array(width).fill(factor);
  return [{ layer, kind: 'lines', by, plus: new Float64Array(width) }, step];
}

function dense({ layer: { config }, text, width, weights }: Reading): Product {
  const hasBias = config['use_bias'] !== false;
  const [kernel, bias] = weights(hasBias ? ['kernel', 'bias'] : ['kernel']) as [Weight, Weight?];
  const [inputs, units] = kernel.shape;
  if (kernel.shape.length !== 2 || inputs !== width || units === undefined) {
    throw new KerasError(
      text,
      `its kernel is ${JSON.stringify(kernel.shape)} for ${width} columns`,
      'save the model again',
    );
  }
  return { inputs, units, kernel: kernel.values, bias: bias?.values ?? new Float64Array(units) };
}

type ToLines = (at: Reading) => Lines;

/** One value for each column, from one for each or one for all. */
function columns(given: unknown, { text, width }: Reading, what: string): Float64Array {
  const values = (ArrayBuffer.isView(given) ? [...(given as Float64Array)] : [given].flat(Infinity)).map(
    Number,
  );
  if (values.length === width && values.every(Number.isFinite)) return Float64Array.from(values);
  if (values.length === 1 && Number.isFinite(values[0]))
    return new Float64Array(width).fill(values[0] as number);
  throw new KerasError(
    text,
    `its ${what} is ${JSON.stringify(given)} for ${width} columns`,
    'give a number for each column',
  );
}

const LINES: Record<string, ToLines> = {
  /** keras/layers/normalization/batch_normalization.py: gamma (x - mean) / sqrt(variance + epsilon) + beta. */
  BatchNormalization: (at) => {
    const { config } = at.layer;
    const names = ['gamma', 'beta', 'moving_mean', 'moving_variance'];
    const isThere = [config['scale'] !== false, config['center'] !== false, true, true];
    const stored = names.filter((_, i) => isThere[i]);
    const found = new Map(at.weights(stored).map((weight, i) => [stored[i], weight.values]));
    const [gamma, beta, mean, variance] = names.map((name, i) =>
      columns(found.get(name) ?? (i === 0 ? 1 : 0), at, name),
    ) as Four;
    const by = gamma.map(
      (g, i) => g / Math.sqrt((variance[i] as number) + Number(config['epsilon'] ?? 1e-3)),
    );
    return { by, plus: beta.map((b, i) => b - (by[i] as number) * (mean[i] as number)) };
  },
  /** keras/layers/preprocessing/normalization.py: (x - mean) / max(sqrt(variance), 1e-7), or the inverse of it. */
  Normalization: (at) => {
    const { config } = at.layer;
    const isGiven = config['mean'] !== null && config['mean'] !== undefined;
    const [m, v] = isGiven
      ? [config['mean'], config['variance']]
      : at.weights(['mean', 'variance']).map((w) => w.values);
    const mean = columns(m, at, 'mean');
    const deviation = columns(v, at, 'variance').map((one) => Math.max(Math.sqrt(one), 1e-7));
    if (config['invert'] === true) return { by: deviation, plus: mean };
    return { by: deviation.map((d) => 1 / d), plus: mean.map((one, i) => -one / (deviation[i] as number)) };
  },
  Rescaling: (at) => ({
    by: columns(at.layer.config['scale'], at, 'scale'),
    plus: columns(at.layer.config['offset'] ?? 0, at, 'offset'),
  }),
};
type Four = [Float64Array, Float64Array, Float64Array, Float64Array];
