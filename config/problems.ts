/** Turns what Ajv found wrong into sentences that say what is wrong and what would be right. */
import type { ErrorObject } from 'ajv';
import { formatProblem } from './formats.ts';
import { pathText, pointerPath, type Path } from './places.ts';

export interface Problem {
  path: Path;
  /** What is wrong; what would be right. */
  text: string;
}

interface Described {
  title?: string;
  examples?: unknown[];
  properties?: Record<string, unknown>;
  format?: string;
}

const show = (value: unknown): string => JSON.stringify(value);

/** One problem for each value that is wrong, in the order of Ajv (which must run with allErrors and verbose). */
export function problemsOf(errors: readonly ErrorObject[]): Problem[] {
  const unions = errors.filter((error) => error.keyword === 'anyOf').map((error) => error.instancePath);
  return errors
    .filter((error) => error.keyword === 'anyOf' || !unions.includes(error.instancePath))
    .map((error) => problemOf(error));
}

function problemOf(error: ErrorObject): Problem {
  const path = pointerPath(error.instancePath);
  const schema = (error.parentSchema ?? {}) as Described;
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(path, String(params['additionalProperty']), Object.keys(schema.properties ?? {}));
    case 'required':
      return missingKey(path, String(params['missingProperty']), schema);
    case 'minimum':
    case 'maximum':
      return { path, text: `${show(error.data)} is out of range; it must be ${bound(error)}` };
    case 'minItems':
    case 'maxItems':
      return { path, text: `${count(error)}; ${example(schema)}` };
    case 'format': {
      const wrong = formatProblem[schema.format ?? '']?.(String(error.data)) ?? 'that is not its form';
      return { path, text: `${show(error.data)} is not ${schema.title}: ${wrong}; ${example(schema)}` };
    }
    case 'minLength':
      return { path, text: `it is empty, but must be ${schema.title}; ${example(schema)}` };
    default:
      return {
        path,
        text: `${show(error.data ?? null)} is not ${schema.title ?? 'right'}; ${example(schema)}`,
      };
  }
}

const example = (schema: Described): string =>
  schema.examples?.[0] === undefined
    ? 'docs/configuration.md has them all'
    : `right would be ${show(schema.examples[0])}`;

function bound(error: ErrorObject): string {
  const schema = error.parentSchema as { minimum?: number; maximum?: number };
  return `from ${schema.minimum} to ${schema.maximum}`;
}

function count(error: ErrorObject): string {
  const { limit } = error.params as { limit: number };
  const most = error.keyword === 'minItems' ? 'at least' : 'at most';
  return `it has ${(error.data as unknown[]).length} of the ${most} ${limit} entries`;
}

function unknownKey(path: Path, key: string, known: string[]): Problem {
  const near = nearest(key, known);
  const fix = near ? `did you mean ${show(near)}?` : `known here: ${known.join(', ')}`;
  return { path: [...path, key], text: `unknown key ${show(key)}; ${fix}` };
}

function missingKey(path: Path, key: string, schema: Described): Problem {
  const described = (schema.properties?.[key] ?? {}) as Described;
  return { path, text: `the key ${show(key)} is missing in ${pathText(path)}; ${example(described)}` };
}

/** The word that differs least from the given one, if few enough letters differ; else null. */
export function nearest(word: string, words: readonly string[]): string | null {
  const within = Math.max(1, Math.ceil(word.length / 3));
  const scored = words.map((known) => ({ known, distance: distance(word.toLowerCase(), known) }));
  scored.sort((a, b) => a.distance - b.distance);
  const best = scored[0];
  return best && best.distance <= within ? best.known : null;
}

/** Edit distance in which swapping two neighbours counts one (optimal string alignment: Damerau 1964). */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, i) => i)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const change = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        change,
        at(i - 1, j) + 1,
        at(i, j - 1) + 1,
        swapped ? at(i - 2, j - 2) + 1 : Infinity,
      );
    }
  }
  return at(a.length, b.length);
}
