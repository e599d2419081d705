/**
 * What a request's target and user agent look like, by the tables of config/observations.json:
 * lua/scoregate/target.lua and agent.lua do the same in the gateway, test/vectors says it for both.
 */
import { Type, type Static } from 'typebox';

const Words = Type.Array(Type.String({ minLength: 1 }));
const closed = { additionalProperties: false };
export const Tables = Type.Object(
  {
    endings: Type.Object({ asset: Words, script: Words }, closed),
    odd: Type.Object({ raw: Words, escaped: Words }, closed),
    agents: Type.Object({ browser: Words, declared: Words, forged: Words }, closed),
  },
  closed,
);
export type Tables = Static<typeof Tables>;

export const ENDINGS = ['asset', 'script'] as const;
export type Ending = (typeof ENDINGS)[number];
export const AGENTS = ['browser', 'tool', 'declared', 'empty', 'forged'] as const;
export type AgentClass = (typeof AGENTS)[number];

/** The gateway looks at this much of a user agent for words. */
const AGENT_BYTES = 255;

const ROBOTS = '/robots.txt';

/** A target without the scheme and host of the absolute form, as nginx's $request_uri is. */
export function originForm(target: string): string {
  if (target.charCodeAt(0) === 47 /* / */) return target;
  const scheme = target.indexOf('://');
  if (scheme <= 0) return target;
  const start = target.indexOf('/', scheme + 3);
  return start < 0 ? '/' : target.slice(start);
}

/** The path of a request target: up to `?` or `#`, without scheme and host of an absolute-form target. */
export function pathOf(target: string): string {
  const text = originForm(target);
  const end = text.search(/[?#]/);
  return end < 0 ? text : text.slice(0, end);
}

/** Matches what has any of these texts in it. */
const anyOf = (texts: readonly string[]): RegExp =>
  new RegExp(texts.map((text) => text.replace(/\W/g, '\\$&')).join('|'));

const asciiLower = (text: string): string => text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase());

/** A piece of a line of a log keeps alive the whole piece of the file that the line came from: what is remembered is copied. */
export const copyOf = (text: string): string => Buffer.from(text).toString();

export const blank = (value: string | undefined): boolean =>
  value === undefined || value === '' || value === '-';

export interface Shapes {
  /** By the path's extension; `robots` is /robots.txt itself (RFC 9309), which is for automation to ask for, there or not. */
  ending(path: string): Ending | 'robots' | undefined;
  /** Whether a segment of the path begins with a dot; /.well-known/ (RFC 8615) is meant to be asked for. */
  dot(path: string): boolean;
  /** Whether there is in it what no page links to: steps up, escaped dots, markup; or it is no path of ours at all. */
  odd(target: string): boolean;
  agent(userAgent: string | undefined): AgentClass;
}

/** @param tables of the vocabulary */
export function shapes({ endings, odd, agents }: Tables): Shapes {
  const byExtension = new Map<string, Ending>();
  for (const kind of ENDINGS) for (const extension of endings[kind]) byExtension.set(extension, kind);
  const oddText = anyOf([...odd.raw, ...odd.escaped]);
  const forged = agents.forged.map((pattern) => new RegExp(pattern));
  const known = new Map<string, AgentClass>();
  const classOf = (userAgent: string): AgentClass => {
    const text = asciiLower(userAgent.slice(0, AGENT_BYTES));
    if (agents.declared.some((word) => text.includes(word))) return 'declared';
    // Of one that is longer the end is missing, which the patterns look at.
    if (userAgent.length <= AGENT_BYTES && forged.some((pattern) => pattern.test(text))) return 'forged';
    return agents.browser.some((word) => text.startsWith(word)) ? 'browser' : 'tool';
  };
  return {
    ending: (path) => {
      if (path === ROBOTS) return 'robots';
      const dot = path.lastIndexOf('.');
      if (dot < 0 || dot < path.lastIndexOf('/')) return undefined;
      return byExtension.get(asciiLower(path.slice(dot + 1)));
    },
    dot: (path) => path.includes('/.') && !path.includes('/.well-known/'),
    odd: (whole) => {
      const target = originForm(whole);
      return target.charCodeAt(0) !== 47 || target.charCodeAt(1) === 47 || oddText.test(target);
    },
    agent: (userAgent) => {
      if (userAgent === undefined || blank(userAgent)) return 'empty';
      let found = known.get(userAgent);
      if (found !== undefined) return found;
      found = classOf(userAgent);
      if (known.size >= 4096) known.clear();
      known.set(copyOf(userAgent), found);
      return found;
    },
  };
}
