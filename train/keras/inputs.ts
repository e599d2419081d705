/** What a model's inputs are: features by name, and the scaling that was done to them before training. */
import { ALL_FEATURES, repeatedOf, unknownOf } from '../../scorer/features.ts';
import type { Scaling } from '../../scorer/manifest.ts';
import type { Chain } from './chain.ts';
import { KerasError } from './error.ts';
import type { Options } from './options.ts';

const ALL = `features: ${ALL_FEATURES}`;

const slotsOf = ({ inputs }: Chain): string[] =>
  inputs.flatMap(({ name, width }) => Array.from({ length: width }, () => name));

/** For each column of the first layer's rows, which of the inputs' numbers it is: Concatenate may join in any order. */
export function columnsOf(chain: Chain): number[] {
  const slots = slotsOf(chain);
  return chain.joined.flatMap((input) => slots.flatMap((name, i) => (name === input ? [i] : [])));
}

/**
 * @returns the feature of each number that the model is given, in the order of its inputs
 * @throws KerasError if they are not said, or not known
 */
export function featuresOf(chain: Chain, given: string[] | null, file: string): string[] {
  const slots = slotsOf(chain);
  const features = given ? chosen(slots, given, file) : assumed(slots, file);
  const wrong = unknownOf(features);
  if (wrong !== undefined) throw new KerasError('--features', `there is no feature "${wrong}"`, ALL);
  const twice = repeatedOf(features);
  if (twice !== undefined)
    throw new KerasError('--features', `"${twice}" is given twice`, 'give each input its own');
  return features;
}

function assumed(slots: string[], file: string): string[] {
  if (slots.length === 1) return ['requests_60s'];
  if (unknownOf(slots) === undefined) return slots; // inputs that are named as features are those
  const isNamed = new Set(slots).size === slots.length;
  const how = isNamed
    ? `--features ${slots.map((name) => `${name}=FEATURE`).join(',')}`
    : `--features with ${slots.length} names, comma-separated, in the order of the inputs`;
  const what = isNamed ? `the inputs ${slots.join(', ')}` : `${slots.length} inputs`;
  throw new KerasError(file, `has ${what}, and nothing says which features they are`, `give ${how}; ${ALL}`);
}

function chosen(slots: string[], given: string[], file: string): string[] {
  if (!given.some((one) => one.includes('='))) {
    if (given.length === slots.length) return given;
    const reason = `${given.length} features for ${slots.length} inputs`;
    throw new KerasError(
      '--features',
      reason,
      `${file} has the inputs ${slots.join(', ')}; give one for each`,
    );
  }
  const pairs = new Map(given.map((one) => one.split('=', 2) as [string, string]));
  const stray = [...pairs.keys()].find((name) => !slots.includes(name));
  const inputs = `the inputs of ${file} are ${slots.join(', ')}`;
  if (stray !== undefined) throw new KerasError('--features', `there is no input "${stray}"`, inputs);
  return slots.map((name, i) => {
    if (slots.indexOf(name) < i) {
      throw new KerasError(
        '--features',
        `"${name}" takes several numbers`,
        'give features in order, without =',
      );
    }
    const feature = pairs.get(name);
    if (feature) return feature;
    throw new KerasError('--features', `the input "${name}" has no feature`, `add ${name}=FEATURE; ${ALL}`);
  });
}

/** @throws KerasError if --mean or --scale do not fit the features */
export function scalingOf(features: readonly string[], { log1p, mean, scale }: Options): Scaling[] {
  for (const [option, values] of [
    ['--mean', mean],
    ['--scale', scale],
  ] as const) {
    if (values && values.length !== features.length) {
      throw new KerasError(
        option,
        `${values.length} numbers for ${features.length} features`,
        'give one for each',
      );
    }
  }
  const transform = log1p ? ('log1p' as const) : ('none' as const);
  return features.map((_, i) => ({ transform, mean: mean?.[i] ?? 0, scale: scale?.[i] ?? 1 }));
}
