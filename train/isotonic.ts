/**
 * What a network gives → how bad that is, by isotonic regression on windows of clients that it was not fitted to: the
 * curve is the mean target (0 people, 0.5 polite automation, 1 abuse) of what gives as much, made to rise (pool
 * adjacent violators: Ayer et al., 1955).
 */
import type { Calibration } from '../scorer/calibration.ts';
import { fit, predict, type FitOptions } from './fit.ts';
import { ofClients, type Samples } from './window.ts';

/** Of a site's windows, as scores are to be read: most are people's. */
const PRIOR = new Map([
  [0, 0.8],
  [0.5, 0.1],
  [1, 0.1],
]);
const BINS = 40;
/** How far a knot is kept from its neighbours, 0 and 1. */
const APART = 1e-3;

interface Block {
  weight: number;
  output: number;
  target: number;
}

const together = (a: Block, b: Block): Block => {
  const weight = a.weight + b.weight;
  const mean = (x: number, y: number): number => (x * a.weight + y * b.weight) / weight;
  return { weight, output: mean(a.output, b.output), target: mean(a.target, b.target) };
};

/** Windows in the order of what the network gives, in bins that weigh about the same; equal ones lie in the same. */
function binned(outputs: Float64Array, targets: Float64Array, weights: Float64Array): Block[] {
  const sums = new Map<number, number>();
  targets.forEach((t, i) => sums.set(t, (sums.get(t) ?? 0) + (weights[i] as number)));
  const order = [...outputs.keys()].sort((a, b) => (outputs[a] as number) - (outputs[b] as number));
  const bins: Block[] = [];
  let full = 0;
  let [last, total] = [NaN, 0];
  for (const i of order) {
    const [output, target] = [outputs[i] as number, targets[i] as number];
    const prior = PRIOR.get(target) ?? 0;
    const one = { weight: ((weights[i] as number) * prior) / (sums.get(target) as number), output, target };
    const bin = bins.at(-1);
    if (bin === undefined || (total >= full && output !== last)) {
      bins.push(one);
      full = total + 1 / BINS;
    } else bins[bins.length - 1] = together(bin, one);
    total += one.weight;
    last = output;
  }
  return bins;
}

/** @param outputs, targets, weights by window; of clients that the network was not fitted to */
export function isotonic(outputs: Float64Array, targets: Float64Array, weights: Float64Array): Calibration {
  const blocks: Block[] = [];
  for (const bin of binned(outputs, targets, weights)) {
    blocks.push(bin);
    while (blocks.length > 1 && (blocks.at(-2) as Block).target >= (blocks.at(-1) as Block).target) {
      const [b, a] = [blocks.pop() as Block, blocks.pop() as Block];
      blocks.push(together(a, b));
    }
  }
  const n = blocks.length;
  const scores: number[] = [];
  for (const [i, { target }] of blocks.entries()) {
    const least = Math.max(APART, (scores[i - 1] ?? 0) + APART);
    scores.push(Math.min(1 - APART * (n - i), Math.max(least, target)));
  }
  if (n > 1) return { outputs: blocks.map(({ output }) => output), scores };
  const [only] = blocks as [Block];
  return { outputs: [only.output - 1, only.output + 1], scores: [APART, 1 - APART] };
}

/** Of so many clients one is held out. */
const HELD_OUT = 5;

/**
 * The curve for a network fitted to all of `samples`: from a network like it, fitted to four clients of five, and what
 * that gives for the fifth.
 * @param targets by row
 */
export async function calibrationOf(
  samples: Samples,
  targets: Float64Array,
  options: FitOptions,
): Promise<Calibration> {
  const places = new Map<string, number>();
  for (const client of samples.clients) if (!places.has(client)) places.set(client, places.size);
  const part = (held: boolean): { samples: Samples; targets: Float64Array } => {
    const is = (client: string): boolean => ((places.get(client) as number) % HELD_OUT === 0) === held;
    return {
      samples: ofClients(samples, is),
      targets: targets.filter((_, i) => is(samples.clients[i] as string)),
    };
  };
  const [rest, held] = [part(false), part(true)];
  const fitted = await fit(rest.samples, rest.targets, options);
  const outputs = predict(fitted, held.samples.rows, held.samples.n);
  fitted.model.dispose();
  return isotonic(outputs, held.targets, held.samples.weights);
}
