/** config/observations.json, which declares what is observed of a request for the Lua gateway, too. */
import { readFileSync } from 'node:fs';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { FORMS } from './form.ts';
import { AGENTS, ENDINGS, Tables } from './shapes.ts';

const Declared = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z][a-z0-9_]*$' }),
    kind: Type.Union([Type.Literal('count'), Type.Literal('bitmap')]),
    at: Type.Union([Type.Literal('arrival'), Type.Literal('end')]),
    of: Type.Optional(Type.Literal('path')),
    status: Type.Optional(Type.Tuple([Type.Integer(), Type.Integer()])),
    method: Type.Optional(Type.Array(Type.String())),
    method_not: Type.Optional(Type.Array(Type.String())),
    asset: Type.Optional(Type.Boolean()),
    robots: Type.Optional(Type.Literal(false)),
    ending: Type.Optional(Type.Union(ENDINGS.map((kind) => Type.Literal(kind)))),
    dot: Type.Optional(Type.Literal(true)),
    odd: Type.Optional(Type.Literal(true)),
    agent: Type.Optional(Type.Union(AGENTS.map((kind) => Type.Literal(kind)))),
    empty: Type.Optional(Type.Union([Type.Literal('referer'), Type.Literal('user_agent')])),
    form: Type.Optional(Type.Union(FORMS.map((form) => Type.Literal(form)))),
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

const FILE = new URL('../config/observations.json', import.meta.url);
export const vocabulary = Value.Parse(Vocabulary, JSON.parse(readFileSync(FILE, 'utf8')));

export const OBSERVATIONS: readonly Observation[] = vocabulary.observations.map((o, index) => ({
  ...o,
  index,
}));
export const COUNTS: readonly string[] = OBSERVATIONS.filter((o) => o.kind === 'count').map((o) => o.name);
export const BITMAPS: readonly string[] = OBSERVATIONS.filter((o) => o.kind === 'bitmap').map((o) => o.name);
/** Observations of which more can only raise the score; a request that adds to one shows a sign. */
export const SIGNS: readonly string[] = OBSERVATIONS.filter((o) => o.worse === true).map((o) => o.name);
// Each is a bit of lease.harmless, which Lua and JavaScript take for a signed integer.
if (SIGNS.length > 31) throw new Error('config/observations.json declares more than 31 signs');
