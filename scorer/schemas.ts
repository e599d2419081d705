/** What goes over the wire, and the types of it. Fields that are not listed are errors. */
import { Type, type Static, type TSchema } from 'typebox';
import { MOST } from './lease.ts';
import { OBSERVATIONS } from './observations.ts';

const closed = { additionalProperties: false };
const MAX_COUNT = 2 ** 32 - 1;

/** Any form of an address; whether it is one is the business of key.ts. */
const Address = Type.String({ minLength: 2, maxLength: 64 });
const TierName = Type.String({ minLength: 1, maxLength: 32 });

const observed = Object.fromEntries(
  OBSERVATIONS.map((o): [string, TSchema] => [
    o.name,
    o.kind === 'bitmap'
      ? Type.String({ pattern: '^[0-9a-f]{16}$' })
      : Type.Integer({ minimum: 0, maximum: MAX_COUNT }),
  ]),
);

const Hits = Type.Array(
  Type.Tuple([
    Type.Integer({ minimum: 0, maximum: 3600 }), // age in seconds
    Type.Integer({ minimum: 1, maximum: 2 ** 32 - 1 }),
  ]),
  { maxItems: 64 },
);
const Client = Type.Object(
  {
    ip: Address,
    tier: Type.Optional(TierName),
    /** Its lease holds for so many more hits: it needs another one only if that is no longer true. */
    leased: Type.Optional(Type.Integer({ minimum: 0, maximum: MOST })),
    hits: Type.Optional(Hits),
    ...optional(observed),
  },
  closed,
);
function optional(properties: Record<string, TSchema>): Record<string, TSchema> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, Type.Optional(schema)]),
  );
}

export const Report = Type.Object(
  {
    sender: Type.String({ maxLength: 64, pattern: '^[A-Za-z0-9._:-]+/[A-Za-z0-9._:-]+/[A-Za-z0-9._:-]+$' }),
    seq: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
    held: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    /** Verdicts without what the sender knows or needs not know: the client, and its requests. */
    brief: Type.Optional(Type.Boolean()),
    clients: Type.Array(Client, { maxItems: 512 }),
  },
  closed,
);
/** One client of a report, once it has been checked. */
export interface ReportClient {
  ip: string;
  tier?: string;
  leased?: number;
  hits?: [number, number][];
  [observation: string]: unknown;
}
export interface Report {
  sender: string;
  seq: number;
  held: number;
  brief?: boolean;
  clients: ReportClient[];
}

const Lease = Type.Object({
  hits: Type.Integer(),
  errors: Type.Integer(),
  signs: Type.Integer(),
  /** Bits, one a sign in the order of config/observations.json. */
  harmless: Type.Integer(),
  ttl_ms: Type.Integer(),
});
const Verdict = Type.Object({
  /** This and requests_60s are absent in a brief answer. */
  ip: Type.Optional(Type.String()),
  score: Type.Number(),
  tier: Type.String(),
  requests_60s: Type.Optional(Type.Integer()),
  /** Absent where the client was `leased` and that is still true: the lease that it has holds on. */
  lease: Type.Optional(Lease),
  origin: Type.Optional(Type.String()),
});
export const Answer = Type.Object({
  verdicts: Type.Array(Verdict),
  generation: Type.Integer(),
  changes: Type.Array(
    Type.Object({
      ip: Type.String(),
      forget: Type.Optional(Type.Boolean()),
      pin: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    }),
  ),
  gateways: Type.Integer(),
  model: Type.String(),
});
export type Answer = Static<typeof Answer>;
export type WireVerdict = Static<typeof Verdict>;

const Flag = Type.Union([Type.Literal('0'), Type.Literal('1')]);
export const Look = Type.Object(
  { ip: Address, hit: Type.Optional(Flag), explain: Type.Optional(Flag) },
  closed,
);

const ChangeSchema = Type.Union([
  Type.Object({ ip: Address, forget: Type.Literal(true) }, closed),
  Type.Object({ ip: Address, pin: Type.Union([TierName, Type.Null()]) }, closed),
]);
export const Changes = Type.Object(
  { changes: Type.Array(ChangeSchema, { minItems: 1, maxItems: 512 }) },
  closed,
);
export type Changes = Static<typeof Changes>;
