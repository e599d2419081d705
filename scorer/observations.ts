/** What is observed of a request, by the vocabulary of config/observations.json. */
import { bitOf, bitmapOf, formatBitmap, type Bitmap } from './bitmap.ts';
import { FORMS, formOf, hasAsked, type Form, type Pages } from './form.ts';
import { isDirect, refererOf, unmasks } from './referer.ts';
import { AGENTS, ENDINGS, blank, copyOf, originForm, pathOf, shapes, type AgentClass } from './shapes.ts';
import { OBSERVATIONS, SIGNS, vocabulary, type Observation } from './vocabulary.ts';

export { DISTINCT_MAX, bitmapOf, distinct, formatBitmap, parseBitmap, type Bitmap } from './bitmap.ts';
export { pathOf } from './shapes.ts';
export { BITMAPS, COUNTS, OBSERVATIONS, SIGNS, type Observation } from './vocabulary.ts';

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

const looks = shapes(vocabulary);
const AT_ARRIVAL = OBSERVATIONS.filter((o) => o.at === 'arrival');
const AT_END = OBSERVATIONS.filter((o) => o.at === 'end');

/** Whether a path names an asset (style, script, picture, font, sound), by its extension, in any case. */
export const isAsset = (path: string): boolean => looks.ending(path) === 'asset';

/** The bit (0…63) that a target's path sets. */
export const pathBit = (target: string): number => bitOf(pathOf(target));

interface TargetShape {
  path: string;
  /** The bit that the path sets. */
  bit: number;
  ending: string | undefined;
  dot: boolean;
  odd: boolean;
  /** The three above as one number. */
  code: number;
}
interface Seen extends TargetShape {
  method: string;
  /** Whether it has no referer that names a page. */
  direct: boolean;
  form: Form | undefined;
  agent: AgentClass;
}

/** Targets repeat themselves; the longest are left out, so that a client cannot fill the memory with them. */
const [MOST_TARGETS, TARGET_CHARS] = [16_384, 256];
const targets = new Map<string, TargetShape>();
const KINDS = [undefined, 'robots', ...ENDINGS] as const;
const KNOWN_FORMS = [undefined, ...FORMS] as const;

function targetShape(target: string): TargetShape {
  let found = targets.get(target);
  if (found !== undefined) return found;
  const copy = copyOf(target);
  const path = pathOf(copy);
  const [ending, dot, odd] = [looks.ending(path), looks.dot(path), looks.odd(target)];
  const code = 4 * KINDS.indexOf(ending) + 2 * Number(dot) + Number(odd);
  found = { path, bit: bitOf(path), ending, dot, odd, code };
  if (target.length > TARGET_CHARS) return found;
  if (targets.size >= MOST_TARGETS) targets.clear();
  targets.set(copy, found);
  return found;
}

/** What a request that is looked at alone looks like. */
export const shapeOf = (request: Request): Seen =>
  seenAs(request, targetShape(request.target), undefined, true);

/** @param asked whether its client has asked for a page before, as far as is known */
function seenAs(request: Request, shape: TargetShape, form: Form | undefined, asked: boolean): Seen {
  const { method, userAgent } = request;
  const { path, bit, ending, dot, odd, code } = shape;
  const target = originForm(request.target);
  const referer = refererOf(request.referer, target);
  const page = ending !== 'asset' && ending !== 'robots';
  const looksLike = looks.agent(userAgent);
  const agent =
    looksLike === 'browser' && page && unmasks(referer, method, target, asked) ? 'forged' : looksLike;
  return { method, path, bit, ending, dot, odd, code, direct: isDirect(referer), form, agent };
}

function holds(o: Observation, r: Seen, status: number): boolean {
  return (
    (o.status === undefined || (status >= o.status[0] && status <= o.status[1])) &&
    (o.method === undefined || o.method.includes(r.method)) &&
    (o.method_not === undefined || !o.method_not.includes(r.method)) &&
    (o.asset === undefined || (r.ending === 'asset') === o.asset) &&
    (o.robots === undefined || r.ending !== 'robots') &&
    (o.ending === undefined || r.ending === o.ending) &&
    (o.dot === undefined || r.dot) &&
    (o.odd === undefined || r.odd) &&
    (o.form === undefined || r.form === o.form) &&
    (o.agent === undefined || r.agent === o.agent) &&
    (o.empty === undefined || (o.empty === 'referer' ? r.direct : r.agent === 'empty'))
  );
}

/** What a request adds: the same object for all requests that add the same. */
export interface Look {
  added: Added;
  /** The signs that it shows, one bit each. */
  signs: number;
}

/** Requests are of few sorts: what one of a sort adds is found out once for each. */
interface Sort {
  counts: Counts;
  /** Names. */
  bitmaps: readonly string[];
  /** By the bit that the path sets, 0 without bitmaps. */
  looks: Map<number, Look>;
}
const [MOST_SORTS, MOST_LOOKS] = [4096, 65_536];

/** One of the two times at which a request is looked at. */
class Moment {
  readonly #list: readonly Observation[];
  /** By method, and by all else as one number. */
  readonly #sorts = new Map<string, Map<number, Sort>>();
  #sortCount = 0;
  #lookCount = 0;

  constructor(list: readonly Observation[]) {
    this.#list = list;
  }

  look(seen: Seen, status: number): Look {
    const sort = this.#sortOf(seen, status);
    const bit = sort.bitmaps.length === 0 ? 0 : seen.bit;
    let found = sort.looks.get(bit);
    if (found !== undefined) return found;
    const added: Added = { counts: sort.counts, bitmaps: {} };
    for (const name of sort.bitmaps) added.bitmaps[name] = bitmapOf(bit);
    found = { added, signs: signsOf(added) };
    if (this.#lookCount >= MOST_LOOKS) this.#forget();
    sort.looks.set(bit, found);
    this.#lookCount += 1;
    return found;
  }

  #sortOf(seen: Seen, status: number): Sort {
    const { method, code, agent, direct, form } = seen;
    const key =
      64 * (status * 16 + code) + 8 * AGENTS.indexOf(agent) + 4 * Number(direct) + KNOWN_FORMS.indexOf(form);
    let found = this.#sorts.get(method)?.get(key);
    if (found !== undefined) return found;
    const fitting = this.#list.filter((o) => holds(o, seen, status));
    const of = (kind: Observation['kind']): string[] =>
      fitting.filter((o) => o.kind === kind).map(({ name }) => name);
    found = {
      counts: Object.fromEntries(of('count').map((name) => [name, 1])),
      bitmaps: of('bitmap'),
      looks: new Map(),
    };
    if (this.#sortCount >= MOST_SORTS) this.#forget();
    const ofMethod = this.#sorts.get(method) ?? new Map<number, Sort>();
    this.#sorts.set(method, ofMethod.set(key, found));
    this.#sortCount += 1;
    return found;
  }

  #forget(): void {
    this.#sorts.clear();
    this.#sortCount = this.#lookCount = 0;
  }
}

function signsOf({ counts }: Added): number {
  let signs = 0;
  SIGNS.forEach((name, i) => (signs |= (counts[name] ?? 0) > 0 ? 1 << i : 0));
  return signs;
}

const [arriving, ending] = [new Moment(AT_ARRIVAL), new Moment(AT_END)];

/** What a request adds when it arrives, and when it ends. @param pages, time as formOf() takes them */
export function looksOf(request: Request, status: number, pages: Pages, time: number): [Look, Look] {
  const seen = inTurn(request, pages, time);
  return [arriving.look(seen, 0), ending.look(seen, status)];
}

/** What a request looks like behind what its client asked for before, which it is added to. */
function inTurn(request: Request, pages: Pages, time: number): Seen {
  const target = targetShape(request.target);
  const agent = blank(request.userAgent) ? '' : (request.userAgent as string);
  const page = target.ending === 'asset' ? '' : `${target.path} ${agent}`;
  const asked = hasAsked(pages);
  return seenAs(request, target, formOf(pages, request.method, page, time), asked);
}

/** What a request that is looked at alone adds when it arrives. */
export function observe(request: Request): Added {
  return arriving.look(shapeOf(request), 0).added;
}

/** The same of a request of a client. @param pages, time as formOf() takes them */
export function observeNext(request: Request, pages: Pages, time: number): Added {
  return arriving.look(inTurn(request, pages, time), 0).added;
}

/** What a request adds when its response, of this status, has ended. */
export function observeEnd(request: Request, status: number): Added {
  return ending.look(shapeOf(request), status).added;
}

/** As it goes over the wire: the inverse of reported.ts's toReported(). */
export function toReported(added: Added): Reported {
  const reported: Reported = { ...added.counts };
  for (const [name, bits] of Object.entries(added.bitmaps)) reported[name] = formatBitmap(bits);
  return reported;
}
