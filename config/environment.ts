/**
 * The environment variables that are laid over scoregate.yaml. Which key has one, the schema says (`variable`); a
 * tier's backends have one for each tier, named after it: SCOREGATE_TIERS_FAST. Lists are written with commas. An
 * empty variable is as good as none: Compose and shells pass on what was not given as an empty text.
 */
import type { Path } from './places.ts';
import { nearest, type Problem } from './problems.ts';
import { configSchema } from './schema.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A value that a variable gives to a key. */
export interface Given {
  variable: string;
  path: Path;
  value: unknown;
}

const PREFIX = 'SCOREGATE_';
/** Read elsewhere (paths.ts, scorer/tensorflow.ts): they are not about keys of the file. */
const OTHERS = ['SCOREGATE_CONFIG', 'SCOREGATE_RUN', 'SCOREGATE_TF'];

/** What is looked at of a key's JSON schema. */
interface Described {
  type?: string;
  variable?: string;
  default?: unknown;
  properties?: Record<string, Described>;
  items?: Described;
}

interface Known extends Described {
  variable: string;
  path: Path;
}

const whole = configSchema as Described;
const tiersSchema = configSchema.properties.tiers as Described;

/** Every variable that there is for this file: `data` is what it holds, unchecked, and says which tiers there are. */
function knownVariables(data: unknown): Known[] {
  return [...below(whole, []), ...tiersOf(data).flatMap(tierVariable)];
}

function below({ properties = {} }: Described, path: Path): Known[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    const at = [...path, key];
    const own = schema.variable === undefined ? [] : [{ ...schema, variable: schema.variable, path: at }];
    return [...own, ...below(schema, at)];
  });
}

function tiersOf(data: unknown): readonly unknown[] {
  const given = isGroup(data) ? data['tiers'] : undefined;
  const tiers = given ?? tiersSchema.default;
  return Array.isArray(tiers) ? tiers : [];
}

function tierVariable(tier: unknown, i: number): Known[] {
  const backends = tiersSchema.items?.properties?.['backends'];
  if (!isGroup(tier) || typeof tier['name'] !== 'string' || backends?.variable === undefined) return [];
  const variable = backends.variable + tier['name'].toUpperCase().replaceAll('-', '_');
  // A tier with a pool says more of its backends than a variable could.
  if (tier['pool'] !== undefined) return [];
  return [{ ...backends, variable, path: ['tiers', i, 'backends'] }];
}

/** Whether a value of the file is keys with values. */
export const isGroup = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the variables give, and a sentence for each that starts with SCOREGATE_ and is none of ours. */
export function given(environment: Environment, data: unknown): { values: Given[]; unknown: string[] } {
  const known = knownVariables(data);
  const values = known.flatMap((one) => {
    const text = environment[one.variable] ?? '';
    return text === '' ? [] : [{ variable: one.variable, path: one.path, value: valueOf(text, one) }];
  });
  const names = [...known.map((one) => one.variable), ...OTHERS].sort();
  const unknown = Object.keys(environment)
    .filter((name) => name.startsWith(PREFIX) && !names.includes(name))
    .map((name) => unknownVariable(name, names));
  return { values, unknown };
}

/** The text as the schema's type; as it is where it does not look like it, so that the schema says what is wrong. */
function valueOf(text: string, { type }: Described): unknown {
  if (type === 'array') return text.split(',').map((part) => part.trim());
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  // A key of several types (workers) takes a number for a number.
  return type !== 'string' && /^\d{1,15}$/.test(text) ? Number(text) : text;
}

function unknownVariable(name: string, names: readonly string[]): string {
  // Without what all of them share, which would make any two of them look alike.
  const short = names.map((known) => known.slice(PREFIX.length).toLowerCase());
  const near = nearest(name.slice(PREFIX.length), short);
  const hint = near === null ? '' : `did you mean ${PREFIX}${near.toUpperCase()}? `;
  return `${name}: unknown variable; ${hint}known are ${names.join(', ')}`;
}

/** The data with the values put in. A value of the file that is no group where one must be is left for the schema. */
export function laidOver(data: unknown, values: readonly Given[]): unknown {
  return values.reduce((all, { path, value }) => put(all, path, value, whole), data);
}

function put(data: unknown, [key, ...rest]: Path, value: unknown, schema: Described): unknown {
  if (key === undefined) return value;
  // The defaults are not filled in yet: tiers that the file leaves out have theirs in the schema.
  const base = data === undefined ? structuredClone(schema.default ?? {}) : data;
  if (typeof key === 'number') {
    return Array.isArray(base) ? base.map((one, i) => (i === key ? put(one, rest, value, {}) : one)) : base;
  }
  if (!isGroup(base)) return base;
  return { ...base, [key]: put(base[key], rest, value, schema.properties?.[key] ?? {}) };
}

/** The variable that a problem is about; null when no variable gave that value. */
export function variableOf({ path }: Problem, values: readonly Given[]): string | null {
  const found = values.find((one) => one.path.every((part, i) => part === path[i]));
  return found?.variable ?? null;
}
