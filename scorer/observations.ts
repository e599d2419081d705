/**
 * What is observed of a request: the TypeScript reader of config/observations.json, which the Lua gateway reads too.
 */
import { readFileSync } from 'node:fs';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { bitOf, bitmapOf, formatBitmap, parseBitmap, type Bitmap } from './bitmap.ts';
import { AGENTS, ENDINGS, Tables, blank, pathOf, shapes } from './shapes.ts';

export { DISTINCT_MAX, bitmapOf, distinct, formatBitmap, parseBitmap, type Bitmap } from './bitmap.ts';
export { pathOf } from './shapes.ts';

const Declared = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z][a-z0-9_]*$' }),
    kind: Type.Union([Type.Literal('count'), Type.Literal('sum'), Type.Literal('bitmap')]),
    at: Type.Union([Type.Literal('arrival'), Type.Literal('end')]),
    of: Type.Optional(
      Type.Union([Type.Literal('bytes_sent'), Type.Literal('path'), Type.Literal('user_agent')]),
    ),
    status: Type.Optional(Type.Tuple([Type.Integer(), Type.Integer()])),
    method: Type.Optional(Type.Array(Type.String())),
    method_not: Type.Optional(Type.Array(Type.String())),
    asset: Type.Optional(Type.Boolean()),
    ending: Type.Optional(Type.Union(ENDINGS.map((kind) => Type.Literal(kind)))),
    dot: Type.Optional(Type.Literal(true)),
    odd: Type.Optional(Type.Literal(true)),
    agent: Type.Optional(Type.Union(AGENTS.map((kind) => Type.Literal(kind)))),
    empty: Type.Optional(Type.Union([Type.Literal('referer'), Type.Literal('user_agent')])),
    worse: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
const Vocabulary = Type.Object(
  {
    about: Type.String(),
    observations: Type.Array(Declared),
    ...Tables.properties,
  },
  { additionalProperties: false },
);

export type Observation = Static<typeof Declared> & { readonly index: number };
/** By observation name; a name that is absent counts 0. */
export type Counts = Record<string, number>;
/** What one or several requests add to a window, to be read only. Names that add nothing are absent. */
export interface Added {
  counts: Counts;
  bitmaps: Record<string, Bitmap>;
}
/** The same on the wire: integers, and bitmaps as 16 hexadecimal digits. */
export type Reported = Record<string, number | string>;

/** A request as it arrived. Missing header fields may be given as undefined, '' or '-' (as in access logs). */
export interface Request {
  method: string;
  target: string;
  referer?: string | undefined;
  userAgent?: string | undefined;
}
export interface Response {
  status: number;
  bytes: number;
}

const FILE = new URL('../config/observations.json', import.meta.url);
const vocabulary = Value.Parse(Vocabulary, JSON.parse(readFileSync(FILE, 'utf8')));

export const OBSERVATIONS: readonly Observation[] = vocabulary.observations.map((o, index) => ({
  ...o,
  index,
}));
export const COUNTS: readonly string[] = OBSERVATIONS.filter((o) => o.kind !== 'bitmap').map((o) => o.name);
export const BITMAPS: readonly string[] = OBSERVATIONS.filter((o) => o.kind === 'bitmap').map((o) => o.name);
/** Observations of which more can only raise the score; a request that adds to one shows a sign. */
export const SIGNS: readonly string[] = OBSERVATIONS.filter((o) => o.worse === true).map((o) => o.name);

const looks = shapes(vocabulary);
const AT_ARRIVAL = OBSERVATIONS.filter((o) => o.at === 'arrival');
const AT_END = OBSERVATIONS.filter((o) => o.at === 'end');

/** Whether a path names an asset (style, script, picture, font, sound), by its extension, in any case. */
export const isAsset = (path: string): boolean => looks.ending(path) === 'asset';

/** The bit (0…63) that a target's path sets. */
export const pathBit = (target: string): number => bitOf(pathOf(target));

interface TargetShape {
  path: string;
  ending: string | undefined;
  dot: boolean;
  odd: boolean;
}
interface Seen extends TargetShape {
  method: string;
  /** Whether it has no referer, and no user agent. */
  direct: boolean;
  agent: string;
}

/** Targets repeat themselves; the longest are left out, so that a client cannot fill the memory with them. */
const [MOST_TARGETS, TARGET_CHARS] = [16_384, 256];
const targets = new Map<string, TargetShape>();

function targetShape(target: string): TargetShape {
  let found = targets.get(target);
  if (found !== undefined) return found;
  const path = pathOf(target);
  found = { path, ending: looks.ending(path), dot: looks.dot(path), odd: looks.odd(target) };
  if (target.length > TARGET_CHARS) return found;
  if (targets.size >= MOST_TARGETS) targets.clear();
  targets.set(target, found);
  return found;
}

/** What a request looks like. */
export function shapeOf({ method, target, referer, userAgent }: Request): Seen {
  const { path, ending, dot, odd } = targetShape(target);
  return { method, path, ending, dot, odd, direct: blank(referer), agent: looks.agent(userAgent) };
}

function holds(o: Observation, r: Seen, status: number): boolean {
  return (
    (o.status === undefined || (status >= o.status[0] && status <= o.status[1])) &&
    (o.method === undefined || o.method.includes(r.method)) &&
    (o.method_not === undefined || !o.method_not.includes(r.method)) &&
    (o.asset === undefined || (r.ending === 'asset') === o.asset) &&
    (o.ending === undefined || r.ending === o.ending) &&
    (o.dot === undefined || r.dot) &&
    (o.odd === undefined || r.odd) &&
    (o.agent === undefined || r.agent === o.agent) &&
    (o.empty === undefined || (o.empty === 'referer' ? r.direct : r.agent === 'empty'))
  );
}

/** Requests are of few sorts: what one of a sort adds is found out once for each. */
const MOST_SORTS = 4096;
interface Sort {
  /** The same object for every request of the sort. */
  counts: Counts;
  sums: readonly string[];
  bitmaps: readonly Observation[];
}
type Sorts = Map<string, Sort>;

function sortOf(sorts: Sorts, list: readonly Observation[], seen: Seen, status: number): Sort {
  const { method, ending, agent, direct, dot, odd } = seen;
  const key = `${method} ${ending} ${status} ${agent} ${direct} ${dot} ${odd}`;
  let found = sorts.get(key);
  if (found !== undefined) return found;
  const fitting = list.filter((o) => holds(o, seen, status));
  const of = (kind: Observation['kind']): Observation[] => fitting.filter((o) => o.kind === kind);
  found = {
    counts: Object.fromEntries(of('count').map(({ name }) => [name, 1])),
    sums: of('sum').map(({ name }) => name),
    bitmaps: of('bitmap'),
  };
  if (sorts.size >= MOST_SORTS) sorts.clear();
  sorts.set(key, found);
  return found;
}

function look(
  sorts: Sorts,
  list: readonly Observation[],
  request: Request,
  status: number,
  bytes: number,
): Added {
  const seen = shapeOf(request);
  const { counts, sums, bitmaps } = sortOf(sorts, list, seen, status);
  const added: Added = { counts, bitmaps: {} };
  for (const { name, of } of bitmaps) {
    const text = of === 'path' ? seen.path : seen.agent === 'empty' ? '' : (request.userAgent as string);
    added.bitmaps[name] = bitmapOf(bitOf(text));
  }
  if (bytes <= 0 || sums.length === 0) return added;
  added.counts = { ...counts };
  for (const name of sums) added.counts[name] = bytes;
  return added;
}

const [arrivalSorts, endSorts]: [Sorts, Sorts] = [new Map(), new Map()];

/** What a request adds when it arrives. */
export function observe(request: Request): Added {
  return look(arrivalSorts, AT_ARRIVAL, request, 0, 0);
}

/** What a request adds when its response has ended. `bytes` is what was sent to the client. */
export function observeEnd(request: Request, response: Response): Added {
  return look(endSorts, AT_END, request, response.status, response.bytes);
}

/** Whether what a request adds on arrival contains a sign. */
export function showsSign(added: Added): boolean {
  return SIGNS.some((name) => (added.counts[name] ?? 0) > 0 || added.bitmaps[name] !== undefined);
}

/** @param reported validated observations of one client, as they come in POST /score_ip */
export function fromReported(reported: Reported): Added {
  const added: Added = { counts: {}, bitmaps: {} };
  for (const name of COUNTS) {
    const value = reported[name];
    if (typeof value === 'number' && value !== 0) added.counts[name] = value;
  }
  for (const name of BITMAPS) {
    const value = reported[name];
    if (typeof value === 'string') added.bitmaps[name] = parseBitmap(value);
  }
  return added;
}

/** The inverse of fromReported. */
export function toReported(added: Added): Reported {
  const reported: Reported = { ...added.counts };
  for (const [name, bits] of Object.entries(added.bitmaps)) reported[name] = formatBitmap(bits);
  return reported;
}
