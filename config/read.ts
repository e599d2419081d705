/** Reads scoregate.yaml: text → YAML with its lines → environment, options → schema → rules → configuration. */
import { Ajv } from 'ajv';
import { readFileSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { LineCounter, parseDocument, type Document, type YAMLParseError } from 'yaml';
import { given, isGroup, laidOver, variableOf, type Environment, type Given } from './environment.ts';
import { formatProblem } from './formats.ts';
import { root } from './paths.ts';
import { lineOf, pathText, type Path } from './places.ts';
import { problemsOf, type Problem } from './problems.ts';
import { rules } from './rules.ts';
import { configSchema, type Config, type Overrides } from './schema.ts';

/** A configuration that cannot be used. `problems` has a line for each: `file:line: path: what is wrong; the fix`. */
export class ConfigError extends Error {
  readonly code = 'CONFIG';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true });
ajv.addKeyword('variable');
for (const [name, problem] of Object.entries(formatProblem)) {
  ajv.addFormat(name, (text: string) => problem(text) === null);
}
const fits = ajv.compile<Config>(configSchema);

/** Finds problems of a configuration that fits the schema. */
export type Rule = (config: Config) => Problem[];

/**
 * The configuration in `file`, with the environment's values and then `overrides` (options of the command line) laid
 * over it and defaults filled in. `more` is what only some readers must look at: files that nginx will read. Throws
 * ConfigError with every problem found.
 */
export function readConfig(
  file: string,
  overrides: Overrides = {},
  environment: Environment = process.env,
  more?: Rule,
): Config {
  return parseConfig(readText(file), relativeName(file), overrides, environment, more);
}

/** The same for text that is at hand; `name` is what messages call it. */
export function parseConfig(
  text: string,
  name: string,
  overrides: Overrides = {},
  environment: Environment = {},
  more: Rule = () => [],
): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map(
        (error) => `${name}:${lines.linePos(error.pos[0]).line}: (file): ${yamlProblem(error)}`,
      ),
    );
  }
  const plain = toPlain(document, name);
  const { values, unknown } = given(environment, plain);
  const data: unknown = merge(laidOver(plain, values), overrides);
  const found = fits(data) ? [...rules(data), ...more(data)] : problemsOf(fits.errors ?? []);
  if (found.length + unknown.length > 0) {
    const told = found.map((problem) => ({ ...problem, line: lineOf(document, lines, problem.path) }));
    told.sort((a, b) => a.line - b.line);
    const sentences = told.map((problem) => sentence(problem, name, overrides, values));
    throw new ConfigError([...unknown, ...sentences]);
  }
  const config = data as Config;
  return { ...config, model: isAbsolute(config.model) ? config.model : join(root, config.model) };
}

/** The parser's message, where it is not one for programmers. */
const yamlProblem = ({ code, message }: YAMLParseError): string =>
  code === 'MULTIPLE_DOCS' ? 'a second document begins here; take out the ---' : `not YAML: ${message}`;

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    const why = reason === 'ENOENT' ? 'there is no such file' : `it could not be read (${reason})`;
    throw new ConfigError([`${relativeName(file)}:1: (file): ${why}; name one with --config FILE`]);
  }
}

function relativeName(file: string): string {
  const short = relative(process.cwd(), file);
  return short === '' || short.startsWith('..') ? file : short;
}

/** The document as plain data; an alias that expands without end (a "billion laughs") is an error of the file. */
function toPlain(document: Document, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 }) ?? {};
  } catch (error) {
    throw new ConfigError([`${name}:1: (file): not YAML: ${(error as Error).message}`]);
  }
}

function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isGroup(over)) return structuredClone(over);
  // No options must not hide that the file holds something else than keys.
  if (!isGroup(base)) return Object.keys(over).length === 0 ? base : structuredClone(over);
  const keys = new Set([...Object.keys(base), ...Object.keys(over)]);
  // A key may be called as something that every object has (constructor).
  const own = (group: Record<string, unknown>, key: string): unknown =>
    Object.hasOwn(group, key) ? group[key] : undefined;
  return Object.fromEntries([...keys].map((key) => [key, merge(own(base, key), own(over, key))]));
}

function sentence(
  problem: Problem & { line: number },
  name: string,
  overrides: Overrides,
  values: readonly Given[],
): string {
  const variable = variableOf(problem, values);
  const place = overridden(overrides, problem.path) ? 'option' : (variable ?? `${name}:${problem.line}`);
  return `${place}: ${pathText(problem.path)}: ${problem.text}`;
}

function overridden(overrides: unknown, path: Path): boolean {
  let value: unknown = overrides;
  for (const part of path)
    value =
      (isGroup(value) || Array.isArray(value)) && Object.hasOwn(value, part)
        ? Reflect.get(value, part)
        : undefined;
  return path.length > 0 && value !== undefined;
}
