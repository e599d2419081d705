/** Activations of Keras 2 and 3 → those of TensorFlow.js, or what computes the same. */
import type { Place } from './layers.ts';
import { KerasError } from './error.ts';

/** One that a Dense layer has by name, or a layer after it. `slope`: of LeakyReLU; `most`: of ReLU. */
export type Activation =
  { name: string } | { name: 'LeakyReLU'; slope: number } | { name: 'ReLU'; most: number };

export interface Activated {
  activation: Activation;
  /** What its input is multiplied by, first. */
  factor?: number;
}

/** By the names of Keras: those of TensorFlow.js. */
const SAME: Record<string, string> = {
  ...{
    linear: 'linear',
    relu: 'relu',
    relu6: 'relu6',
    sigmoid: 'sigmoid',
    tanh: 'tanh',
    elu: 'elu',
    selu: 'selu',
  },
  ...{ softplus: 'softplus', softsign: 'softsign', silu: 'swish', swish: 'swish', mish: 'mish' },
  ...{ softmax: 'softmax', gelu: 'gelu' },
};
const KNOWN = [...Object.keys(SAME), 'hard_sigmoid', 'leaky_relu'];
/** What `leaky_relu` by name means: tf.nn.leaky_relu, and keras.activations.leaky_relu of Keras 3. */
const SLOPE = 0.2;

/**
 * @param given `activation` of a layer's configuration: a name, or an object with a layer's class
 * @throws KerasError if it is another than those known
 */
export function activationOf(given: unknown, keras: number, place: Place): Activated {
  if (given === null || given === undefined) return { activation: { name: 'linear' } };
  if (typeof given === 'object') return ofObject(given as Record<string, unknown>, keras, place);
  const name = String(given);
  if (name === 'leaky_relu') return { activation: { name: 'LeakyReLU', slope: SLOPE } };
  if (name === 'hard_sigmoid') {
    // TensorFlow.js has that of Keras 2, 0.2 x + 0.5; Keras 3 made it x/6 + 0.5.
    return { activation: { name: 'hardSigmoid' }, ...(keras >= 3 ? { factor: 5 / 6 } : {}) };
  }
  const same = Object.hasOwn(SAME, name) ? SAME[name] : undefined;
  if (same !== undefined) return { activation: { name: same } };
  throw unknown(name, place);
}

const unknown = (name: string, { text }: Place): KerasError =>
  new KerasError(text, `has the activation "${name}"`, `those that can be imported are ${KNOWN.join(', ')}`);

function ofObject(given: Record<string, unknown>, keras: number, place: Place): Activated {
  const { class_name: className, config } = given;
  if (className === 'function' && typeof config === 'string') return activationOf(config, keras, place);
  const own = typeof config === 'object' && config !== null ? (config as Record<string, unknown>) : {};
  const found = ofLayer(String(className), own, place);
  if (found) return { activation: found };
  throw unknown(String(className), place);
}

/** The activation that a layer of this class is, if it is one. */
export function ofLayer(
  className: string,
  config: Record<string, unknown>,
  place: Place,
): Activation | undefined {
  const number = (names: string[], otherwise: number): number => {
    const value = names.map((name) => config[name]).find((one) => one !== undefined && one !== null);
    // Keras writes some numbers as {class_name: "__numpy__", config: {value}} or as a list of one.
    const plain = value === undefined ? otherwise : Number(Array.isArray(value) ? value[0] : value);
    if (Number.isFinite(plain)) return plain;
    throw new KerasError(place.text, `its ${names[0]} is ${JSON.stringify(value)}`, 'it must be a number');
  };
  const refuse = (what: string): KerasError =>
    new KerasError(place.text, `has ${what}`, 'TensorFlow.js has no such layer; train without it');
  if (className === 'LeakyReLU')
    return { name: 'LeakyReLU', slope: number(['negative_slope', 'alpha'], 0.3) };
  if (className === 'Softmax') return { name: 'softmax' };
  if (className === 'ELU') {
    if (number(['alpha'], 1) !== 1) throw refuse(`alpha ${number(['alpha'], 1)}`);
    return { name: 'elu' };
  }
  if (className !== 'ReLU') return undefined;
  const slope = number(['negative_slope'], 0);
  const most = number(['max_value'], Number.MAX_VALUE);
  if (number(['threshold'], 0) !== 0) throw refuse('a threshold');
  if (most !== Number.MAX_VALUE && slope !== 0) throw refuse('both max_value and negative_slope');
  if (most !== Number.MAX_VALUE) return { name: 'ReLU', most };
  return slope === 0 ? { name: 'relu' } : { name: 'LeakyReLU', slope };
}
