/** A model's configuration → its layers one after the other, and its inputs. Sequential, or a Functional chain. */
import { Value } from 'typebox/value';
import { KerasError } from './error.ts';
import { LayerConfig, type KerasFile, type Stored } from './file.ts';

export interface Layer extends Stored {
  config: Record<string, unknown>;
}

export interface Input {
  name: string;
  /** How many numbers it takes. */
  width: number;
}

export interface Chain {
  /** In the order in which they compute; input layers and the joining of inputs are not among them. */
  layers: Layer[];
  /** In the model's own order. */
  inputs: Input[];
  /** Names of inputs in the order in which their numbers stand in the first layer's rows. */
  joined: string[];
}

interface Node extends Layer {
  from: string[];
  uses: number;
}

/** Far more than there are features: what says that it has a billion is not believed. */
const WIDEST = 4096;
const ONE_CHAIN = 'only one chain of layers can be imported, with one output';

/** @throws KerasError when it is neither, or branches */
export function chainOf({ file, model }: KerasFile): Chain {
  const { class_name: kind, config } = model;
  const whole = (Array.isArray(config) ? { layers: config as unknown[] } : config) as Record<string, unknown>;
  const nodes = nodesOf(whole['layers'], file);
  if (kind === 'Sequential') return sequential(nodes, whole, file);
  if (kind === 'Functional' || kind === 'Model') return functional(nodes, whole, file);
  throw new KerasError(file, `is a ${kind} model`, 'only Sequential and Functional models can be imported');
}

function nodesOf(given: unknown, file: string): Node[] {
  const seen = new Map<string, number>();
  if (!Array.isArray(given)) throw new KerasError(file, 'its configuration has no layers', 'save it again');
  return given.map((one: unknown, i): Node => {
    if (!Value.Check(LayerConfig, one)) {
      throw new KerasError(
        `${file}, layer ${i}`,
        'is not the configuration of a layer',
        'save the model again',
      );
    }
    const { class_name: className, config, inbound_nodes: inbound = [] } = one;
    const nth = seen.get(className) ?? 0;
    seen.set(className, nth + 1);
    const name = one.name ?? String(config['name']);
    const build = (one as { build_config?: { input_shape?: unknown } }).build_config;
    const more = build?.input_shape === undefined ? {} : { build_input_shape: build.input_shape };
    return {
      name,
      className,
      nth,
      config: { ...more, ...config },
      from: references(inbound),
      uses: inbound.length,
    };
  });
}

/** Names of the layers that a part of a configuration refers to, however Keras 2 or 3 nests them. */
function references(part: unknown): string[] {
  if (Array.isArray(part)) {
    // Keras 2: ["dense", 0, 0, {}]
    const [name, ...rest] = part as unknown[];
    if (typeof name === 'string' && typeof rest[0] === 'number') return [name, ...references(rest.slice(2))];
    return part.flatMap(references);
  }
  if (typeof part !== 'object' || part === null) return [];
  // Keras 3: {class_name: "__keras_tensor__", config: {keras_history: ["dense", 0, 0]}}
  return Object.values(part).flatMap(references);
}

function sequential(nodes: Node[], whole: Record<string, unknown>, file: string): Chain {
  const first = nodes[0];
  if (first === undefined) throw new KerasError(file, 'has no layers', 'save a model that is complete');
  const isInput = first.className === 'InputLayer';
  const layers = isInput ? nodes.slice(1) : nodes;
  const input = inputOf(first, layers[0], file, whole['build_input_shape']);
  return { layers, inputs: [input], joined: [input.name] };
}

function functional(nodes: Node[], whole: Record<string, unknown>, file: string): Chain {
  const named = new Map(nodes.map((node) => [node.name, node]));
  const outputs = references(whole['output_layers']);
  const [output] = outputs;
  if (output === undefined || outputs.length > 1) {
    throw new KerasError(file, `has ${outputs.length} outputs (${outputs.join(', ')})`, ONE_CHAIN);
  }
  const get = (name: string): Node => {
    const node = named.get(name);
    if (node) return node;
    throw new KerasError(
      `${file}, layer "${name}"`,
      'is referred to but is not there',
      'save the model again',
    );
  };
  const layers: Node[] = [];
  let at = get(output);
  let joined: Node[] = [];
  while (at.className !== 'InputLayer') {
    const from = at.from.map(get);
    const place = `${file}, layer "${at.name}" (${at.className})`;
    if (at.uses > 1 || layers.includes(at)) throw new KerasError(place, 'is used more than once', ONE_CHAIN);
    if (at.className === 'Concatenate' && from.every((one) => one.className === 'InputLayer')) {
      joined = from;
      break;
    }
    if (from.length !== 1) {
      throw new KerasError(
        place,
        `joins ${from.length} layers`,
        `${ONE_CHAIN}; Concatenate can join inputs only`,
      );
    }
    layers.unshift(at);
    at = from[0] as Node;
  }
  if (joined.length === 0) joined = [at];
  const order = references(whole['input_layers']);
  if (order.length !== joined.length || new Set(joined).size !== joined.length) {
    throw new KerasError(file, `has the inputs ${order.join(', ')}, and not each is used once`, ONE_CHAIN);
  }
  return {
    layers,
    inputs: order.map((name) => inputOf(get(name), layers[0], file)),
    joined: joined.map(({ name }) => name),
  };
}

function inputOf({ name, config }: Node, next: Node | undefined, file: string, built?: unknown): Input {
  const shapes = [config['batch_shape'], config['batch_input_shape'], built, config['build_input_shape']];
  const isSize = (size: unknown): size is number => Number.isInteger(size) && (size as number) > 0;
  const shape = shapes.find((one): one is [unknown, ...number[]] => {
    return Array.isArray(one) && one.length > 1 && one.slice(1).every(isSize);
  });
  const place = `${file}, input "${name}"`;
  if (shape === undefined)
    throw new KerasError(place, 'has no shape', 'save the model with an Input(shape=(N,))');
  const sizes = shape.slice(1) as number[];
  if (sizes.length > 1 && next?.className !== 'Flatten') {
    throw new KerasError(
      place,
      `has the shape ${JSON.stringify(sizes)}`,
      'it must be a row of numbers, or Flatten come first',
    );
  }
  const width = sizes.reduce((product, size) => product * size, 1);
  if (width > WIDEST)
    throw new KerasError(place, `has ${width} numbers`, `at most ${WIDEST} can be features`);
  return { name, width };
}
