/** The schema of a tier's pool: its backends one by one, and what watches over them. */
import Type, { type Static } from 'typebox';
import { closed, flag, whole } from './schema_values.ts';

/** Where a backend listens. */
export const backendAddress = Type.String({
  format: 'backend',
  title: 'HOST:PORT or an http(s):// URL',
  examples: ['127.0.0.1:8081'],
  description: 'Where a backend listens.',
});

const share = (value: number, minimum: number, description: string) =>
  Type.Number({ default: value, minimum, maximum: 1, title: 'a share', examples: [value], description });

const statuses = (value: number[], minimum: number, description: string) =>
  Type.Array(
    Type.Integer({ minimum, maximum: 599, title: 'a status', examples: [503], description: 'A status.' }),
    { default: value, title: 'a list of statuses', examples: [[502, 503]], description },
  );

const poolBackendSchema = Type.Object(
  {
    address: backendAddress,
    weight: whole(1, 1, 1000, 'Its share of the requests, beside the weights of the others.'),
    max_connections: whole(0, 0, 65535, 'The most requests that it gets at one time; 0: as many as come.'),
    backup: flag(false, 'Only used while no other backend of the tier can be.'),
    state: Type.Union([Type.Literal('up'), Type.Literal('drain'), Type.Literal('maintenance')], {
      default: 'up',
      title: 'up, drain or maintenance',
      examples: ['up'],
      description:
        'drain: no new requests, those under way end; maintenance: the same, and it is not checked.',
    }),
  },
  { ...closed, title: 'a backend', examples: [{ address: '127.0.0.1:8081', weight: 2 }] },
);

const healthSchema = Type.Object(
  {
    path: Type.String({
      default: '/',
      format: 'check_path',
      title: 'a path',
      examples: ['/health'],
      description: 'What is asked for, with GET.',
    }),
    interval_ms: whole(2000, 100, 600_000, 'How often each backend is asked, milliseconds.'),
    timeout_ms: whole(1000, 10, 60_000, 'How long its answer may take, milliseconds.'),
    statuses: statuses([], 200, 'The statuses that are good; none named: 200 to 399.'),
    body: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        title: 'a text',
        examples: ['ok'],
        description: 'What the answer must hold, within its first 64 KiB.',
      }),
    ),
    host: Type.Optional(
      Type.String({
        format: 'host_name',
        title: 'a host name',
        examples: ['app.example.org'],
        description: "The Host header, when it is not the backend's address.",
      }),
    ),
    rise: whole(2, 1, 100, 'Good answers in a row that bring a backend back.'),
    fall: whole(3, 1, 100, 'Bad answers in a row that take it out.'),
  },
  { ...closed, title: 'a group of keys', examples: [{ path: '/health' }] },
);

const ejectionSchema = Type.Object(
  {
    errors: whole(2, 0, 1000, 'Requests in a row without an answer after which a backend is out; 0: never.'),
    consecutive_5xx: whole(5, 0, 1000, 'Answers of 500 and above in a row after which it is; 0: never.'),
    success_rate: share(
      0,
      0,
      'It is out while a smaller share of its requests succeeds, of 20 or more within 10 s; 0: never.',
    ),
    time_s: whole(5, 1, 3600, 'For how long it is out the first time; each further time twice as long.'),
    longest_s: whole(300, 1, 86_400, 'The longest that it is out.'),
    share: share(0.5, 0, 'The most of the pool that is out at one time; at least one backend may be.'),
  },
  { ...closed, title: 'a group of keys', examples: [{ consecutive_5xx: 5, time_s: 10 }] },
);

const retriesSchema = Type.Object(
  {
    tries: whole(3, 1, 16, 'Backends that a request is sent to at most; 1: no retries.'),
    statuses: Type.Array(
      Type.Union(
        [403, 404, 429, 500, 502, 503, 504].map((status) => Type.Literal(status)),
        {
          title: 'one of 403, 404, 429, 500, 502, 503, 504',
          examples: [503],
          description: 'A status.',
        },
      ),
      {
        default: [],
        title: 'a list of statuses',
        examples: [[502, 503]],
        description: 'Answers after which a request that may be repeated is sent to another backend.',
      },
    ),
    budget: share(
      0.2,
      0,
      'Retries, as a share of the requests; failed connections are retried whatever it says.',
    ),
    timeout_ms: whole(
      0,
      0,
      60_000,
      'How long a backend may be silent until a request that may be repeated goes to another, milliseconds; 0: 60 s.',
    ),
  },
  { ...closed, title: 'a group of keys', examples: [{ tries: 3, statuses: [503] }] },
);

const queueSchema = Type.Object(
  {
    size: whole(100, 1, 100_000, 'Requests that wait in each worker at most; more get 503 at once.'),
    wait_ms: whole(1000, 1, 60_000, 'The longest that one waits, milliseconds; then it gets 503.'),
  },
  { ...closed, title: 'a group of keys', examples: [{ size: 100, wait_ms: 1000 }] },
);

export const poolSchema = Type.Object(
  {
    balance: Type.Union(
      [
        Type.Literal('round_robin'),
        Type.Literal('least_connections'),
        Type.Literal('ewma'),
        Type.Literal('hash'),
      ],
      {
        default: 'round_robin',
        title: 'round_robin, least_connections, ewma or hash',
        examples: ['least_connections'],
        description:
          'In turn; the one with the fewest requests under way; the faster of two at random; always the same one for a client.',
      },
    ),
    backends: Type.Array(poolBackendSchema, {
      minItems: 1,
      maxItems: 64,
      title: 'a list of backends',
      examples: [[{ address: '127.0.0.1:8081' }]],
      description: 'The servers that answer for this tier.',
    }),
    live: flag(false, 'Backends may be added, removed, weighted and drained by npm run pool.'),
    health: Type.Optional(healthSchema),
    ejection: Type.Optional(ejectionSchema),
    slow_start_s: whole(0, 0, 3600, 'For how long the share of a backend that is back grows, seconds.'),
    retries: Type.Optional(retriesSchema),
    queue: Type.Optional(queueSchema),
    fallback: Type.Optional(
      Type.String({
        title: 'the name of a tier',
        examples: ['slow'],
        description: 'Whose backends serve while this tier has none; else the next one.',
      }),
    ),
  },
  { ...closed, title: 'a group of keys', examples: [{ backends: [{ address: '127.0.0.1:8081' }] }] },
);

export type Pool = Static<typeof poolSchema>;
export type PoolBackend = Static<typeof poolBackendSchema>;

/** A group's keys with their defaults: what holds where the file does not name the group. */
const defaults = <T>(schema: { properties: Record<string, object> }): T =>
  Object.fromEntries(
    Object.entries(schema.properties)
      .filter(([, value]) => 'default' in value)
      .map(([key, value]) => [key, (value as { default: unknown }).default]),
  ) as T;

export const usualEjection = defaults<Static<typeof ejectionSchema>>(ejectionSchema);
export const usualRetries = defaults<Static<typeof retriesSchema>>(retriesSchema);
