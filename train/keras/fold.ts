/**
 * Steps → dense layers alone, so that scorer/compile.ts compiles them. A line a column before a product, or after one
 * without an activation, is part of that product; one before all others is the manifest's scaling. Exact, but for the
 * rounding of weights to float32.
 */
import type { Scaling } from '../../scorer/manifest.ts';
import type { Activation } from './activations.ts';
import type { Lines, Product, Step } from './layers.ts';

export interface DenseLayer extends Product {
  name: string;
  activation?: Activation;
}

export interface Network {
  scaling: Scaling[];
  layers: DenseLayer[];
}

/** @param scaling what is done to a raw feature before Keras's model sees it */
export function fold(steps: readonly Step[], scaling: readonly Scaling[]): Network {
  const layers: DenseLayer[] = [];
  let before = neutral(scaling.length);
  let scaled = [...scaling];
  const start = (): void => {
    if (layers.length === 0) ({ scaling: scaled, rest: before } = intoScaling(scaled, before));
  };
  for (const step of steps) {
    const last = layers.at(-1);
    const isOpen = last !== undefined && last.activation === undefined;
    if (step.kind === 'lines') {
      if (isOpen) Object.assign(last, productThenLines(last, step));
      else before = linesThenLines(before, step);
    } else if (step.kind === 'product') {
      start();
      layers.push({ name: step.layer, ...linesThenProduct(before, step) });
      before = neutral(step.units);
    } else if (step.activation.name !== 'linear') {
      start();
      // With an activation before it there is nothing to be part of: a product that changes nothing but the lines.
      if (isOpen) last.activation = step.activation;
      else layers.push({ name: step.layer, ...diagonal(before), activation: step.activation });
      before = neutral((layers.at(-1) as DenseLayer).units);
    }
  }
  start();
  if (layers.length === 0 || !isNeutral(before)) layers.push({ name: 'lines', ...diagonal(before) });
  return { scaling: scaled, layers };
}

const neutral = (width: number): Lines => ({
  by: new Float64Array(width).fill(1),
  plus: new Float64Array(width),
});

const isNeutral = ({ by, plus }: Lines): boolean => by.every((b) => b === 1) && plus.every((p) => p === 0);

const linesThenLines = (first: Lines, { by, plus }: Lines): Lines => ({
  by: first.by.map((b, i) => b * (by[i] as number)),
  plus: first.plus.map((p, i) => p * (by[i] as number) + (plus[i] as number)),
});

function linesThenProduct({ by, plus }: Lines, { inputs, units, kernel, bias }: Product): Product {
  const sums = Float64Array.from(bias, (b, unit) => {
    let sum = b;
    for (let i = 0; i < inputs; i++) sum += (plus[i] as number) * (kernel[i * units + unit] as number);
    return sum;
  });
  return {
    inputs,
    units,
    kernel: kernel.map((w, at) => w * (by[Math.floor(at / units)] as number)),
    bias: sums,
  };
}

const productThenLines = ({ inputs, units, kernel, bias }: Product, { by, plus }: Lines): Product => ({
  inputs,
  units,
  kernel: kernel.map((w, at) => w * (by[at % units] as number)),
  bias: bias.map((b, unit) => b * (by[unit] as number) + (plus[unit] as number)),
});

function diagonal({ by, plus }: Lines): Product {
  const kernel = new Float64Array(by.length ** 2);
  by.forEach((b, i) => (kernel[i * by.length + i] = b));
  return { inputs: by.length, units: by.length, kernel, bias: plus };
}

/** (x - mean) / scale, times by, plus: again of that form where by > 0, as a manifest's scale must be. */
function intoScaling(scaling: readonly Scaling[], { by, plus }: Lines): { scaling: Scaling[]; rest: Lines } {
  const rest = neutral(scaling.length);
  const folded = scaling.map((one, i) => {
    const [b, p] = [by[i] as number, plus[i] as number];
    if (b <= 0) {
      rest.by[i] = b;
      rest.plus[i] = p;
      return one;
    }
    return { ...one, mean: one.mean - (p * one.scale) / b, scale: one.scale / b };
  });
  return { scaling: folded, rest };
}
