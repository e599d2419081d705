/**
 * What is observed of a request: the TypeScript reader of config/observations.json, which the Lua gateway reads too.
 */
import { readFileSync } from 'node:fs';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';

const Declared = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z][a-z0-9_]*$' }),
    kind: Type.Union([Type.Literal('count'), Type.Literal('sum'), Type.Literal('bitmap')]),
    at: Type.Union([Type.Literal('arrival'), Type.Literal('end')]),
    of: Type.Optional(Type.Union([Type.Literal('bytes_sent'), Type.Literal('path')])),
    status: Type.Optional(Type.Tuple([Type.Integer(), Type.Integer()])),
    method: Type.Optional(Type.Array(Type.String())),
    method_not: Type.Optional(Type.Array(Type.String())),
    asset: Type.Optional(Type.Boolean()),
    empty: Type.Optional(Type.Union([Type.Literal('referer'), Type.Literal('user_agent')])),
    worse: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
const Vocabulary = Type.Object(
  {
    about: Type.String(),
    observations: Type.Array(Declared),
    asset_extensions: Type.Array(Type.String()),
  },
  { additionalProperties: false },
);

export type Observation = Static<typeof Declared> & { readonly index: number };
/** By observation name; a name that is absent counts 0. */
export type Counts = Record<string, number>;
/** 64 bits as two unsigned 32-bit halves: a JavaScript number holds no 64-bit integer exactly. */
export interface Bitmap {
  hi: number;
  lo: number;
}
/** What one or several requests add to a window. Names that add nothing are absent. */
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

const ASSETS = new Set(vocabulary.asset_extensions);
const AT_ARRIVAL = OBSERVATIONS.filter((o) => o.at === 'arrival');
const AT_END = OBSERVATIONS.filter((o) => o.at === 'end');

/** The path of a request target: up to `?` or `#`, without scheme and host of an absolute-form target. */
export function pathOf(target: string): string {
  let start = 0;
  if (target.charCodeAt(0) !== 47 /* / */) {
    const scheme = target.indexOf('://');
    if (scheme > 0) {
      start = target.indexOf('/', scheme + 3);
      if (start < 0) return '/';
    }
  }
  const end = target.slice(start).search(/[?#]/);
  return end < 0 ? target.slice(start) : target.slice(start, start + end);
}

/** Whether a path names an asset (style, script, picture, font, sound), by its extension, in any case. */
export function isAsset(path: string): boolean {
  const dot = path.lastIndexOf('.');
  return dot > path.lastIndexOf('/') && ASSETS.has(path.slice(dot + 1).toLowerCase());
}

/** MurmurHash2 (Austin Appleby, public domain) as nginx's core has it, with a seed of the length: 32 bits, unsigned. */
function murmur2(bytes: Buffer): number {
  const m = 0x5bd1e995;
  let h = bytes.length;
  let i = 0;
  for (; i + 4 <= bytes.length; i += 4) {
    let k = Math.imul(bytes.readInt32LE(i), m);
    k ^= k >>> 24;
    h = Math.imul(h, m) ^ Math.imul(k, m);
  }
  const rest = bytes.length - i;
  if (rest === 3) h ^= (bytes[i + 2] ?? 0) << 16;
  if (rest >= 2) h ^= (bytes[i + 1] ?? 0) << 8;
  if (rest >= 1) h = Math.imul(h ^ (bytes[i] ?? 0), m);
  h = Math.imul(h ^ (h >>> 13), m);
  return (h ^ (h >>> 15)) >>> 0;
}

/** The bit (0…63) that a path sets: the top six bits of MurmurHash2 over its UTF-8 bytes. */
export function pathBit(target: string): number {
  return murmur2(Buffer.from(pathOf(target))) >>> 26;
}

export function bitmapOf(bit: number): Bitmap {
  return bit < 32 ? { hi: 0, lo: (1 << bit) >>> 0 } : { hi: (1 << (bit - 32)) >>> 0, lo: 0 };
}

export function formatBitmap({ hi, lo }: Bitmap): string {
  return hi.toString(16).padStart(8, '0') + lo.toString(16).padStart(8, '0');
}

/** @throws RangeError if the text is not 16 hexadecimal digits */
export function parseBitmap(text: string): Bitmap {
  if (!/^[0-9a-f]{16}$/.test(text))
    throw new RangeError(`"${text}" is not a bitmap of 16 hexadecimal digits`);
  return { hi: parseInt(text.slice(0, 8), 16), lo: parseInt(text.slice(8), 16) };
}

function ones(x: number): number {
  let v = x - ((x >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** The estimate of a full bitmap: it can tell no more than this. */
export const DISTINCT_MAX = 64 * Math.log(64);
const DISTINCT = Float64Array.from({ length: 65 }, (_, set) =>
  set === 64 ? DISTINCT_MAX : -64 * Math.log((64 - set) / 64),
);

/** How many different values set the bits of a bitmap: linear counting (Whang et al., 1990), -m ln(zeros / m). */
export function distinct({ hi, lo }: Bitmap): number {
  return DISTINCT[ones(hi) + ones(lo)] ?? 0;
}

const blank = (value: string | undefined): boolean => value === undefined || value === '' || value === '-';

function holds(o: Observation, path: string, r: Request, status: number): boolean {
  return (
    (o.status === undefined || (status >= o.status[0] && status <= o.status[1])) &&
    (o.method === undefined || o.method.includes(r.method)) &&
    (o.method_not === undefined || !o.method_not.includes(r.method)) &&
    (o.asset === undefined || isAsset(path) === o.asset) &&
    (o.empty === undefined || blank(o.empty === 'referer' ? r.referer : r.userAgent))
  );
}

function look(list: readonly Observation[], request: Request, response: Response): Added {
  const path = pathOf(request.target);
  const added: Added = { counts: {}, bitmaps: {} };
  for (const o of list) {
    if (!holds(o, path, request, response.status)) continue;
    if (o.kind === 'count') added.counts[o.name] = 1;
    else if (o.kind === 'bitmap') added.bitmaps[o.name] = bitmapOf(pathBit(path));
    else if (response.bytes > 0) added.counts[o.name] = response.bytes;
  }
  return added;
}

/** What a request adds when it arrives. */
export function observe(request: Request): Added {
  return look(AT_ARRIVAL, request, { status: 0, bytes: 0 });
}

/** What a request adds when its response has ended. `bytes` is what was sent to the client. */
export function observeEnd(request: Request, response: Response): Added {
  return look(AT_END, request, response);
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
