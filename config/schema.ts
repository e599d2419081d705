/**
 * What scoregate.yaml may hold: names, types, ranges, defaults and what each is for. The TypeScript type of the
 * configuration is derived from this, and so is every error about a single value; what concerns several values
 * at once is in rules.ts. `title` is what an error message calls the value, `examples` what it shows as right,
 * `variable` the environment variable that is laid over the file (environment.ts).
 */
import Type, { type Static } from 'typebox';
import { accessSchema } from './schema_access.ts';
import { cacheSchema } from './schema_cache.ts';
import { compressionSchema } from './schema_compression.ts';
import { listenSchema } from './schema_listen.ts';
import { logsSchema } from './schema_logs.ts';
import { pathsSchema } from './schema_paths.ts';
import { demoTiers, tierSchema, type Tier } from './schema_tier.ts';
import { backendTlsSchema, tlsSchema } from './schema_tls.ts';
import { closed, flag, hostPort, whole } from './schema_values.ts';

const scorerSchema = Type.Object(
  {
    listen: hostPort(
      'Where the scorer listens; loopback unless another machine must reach it.',
      '127.0.0.1:5000',
      { default: '127.0.0.1:5000', variable: 'SCOREGATE_SCORER_LISTEN' },
    ),
    address: Type.Optional(
      hostPort(
        'Where the gateway reaches the scorer, when that is not where it listens.',
        'scorer.internal:5000',
        { variable: 'SCOREGATE_SCORER_ADDRESS' },
      ),
    ),
    wait_ms: whole(25, 0, 1000, 'The longest that a request waits for a verdict, milliseconds.'),
    timeout_ms: whole(250, 10, 10000, 'When the gateway gives up on an answer of the scorer, milliseconds.'),
  },
  { ...closed, default: {}, title: 'a group of keys', examples: [{ listen: '127.0.0.1:5000' }] },
);

const hysteresisSchema = Type.Object(
  {
    margin: Type.Number({
      default: 0.05,
      minimum: 0,
      maximum: 0.5,
      title: 'a number',
      examples: [0.05],
      description: 'How far below a line the score must stay before a client moves back to the better tier.',
    }),
    hold_s: Type.Optional(
      Type.Array(
        Type.Integer({ minimum: 0, maximum: 86400, title: 'a whole number of seconds', examples: [120] }),
        {
          title: 'a list of seconds, one for each line between two tiers',
          examples: [[120, 60]],
          description:
            'How long it must have stayed there, for each line between two tiers, best line first; not given: 120, then 60 for each further line.',
        },
      ),
    ),
    repeat_s: whole(
      86400,
      0,
      604800,
      'After a move back to a better tier there is no other for so long, seconds; 0: as many as hold_s allows.',
    ),
    clean_requests: whole(
      60,
      0,
      10000,
      'So many requests in the last minute let a client out of the worst tier in spite of repeat_s; 0: none do.',
    ),
  },
  { ...closed, default: {}, title: 'a group of keys', examples: [{ margin: 0.05, hold_s: [120, 60] }] },
);

const limitsSchema = Type.Object(
  {
    clients: whole(100000, 100, 5000000, 'Clients with a verdict that the gateway remembers.'),
    newcomers: whole(
      16384,
      16,
      1000000,
      'Clients seen once, kept apart so that they cannot push out the others.',
    ),
    queue: whole(2048, 16, 100000, 'Clients that may wait for the scorer at one time.'),
    body: Type.String({
      default: '100mb',
      format: 'amount',
      title: 'an amount, 1kb or more',
      examples: ['100mb'],
      description:
        'The longest body of a request, which is on disk until it is whole; a longer one gets 413.',
    }),
    redis_memory: Type.String({
      default: '256mb',
      format: 'memory',
      title: 'an amount of memory, 16mb or more',
      examples: ['256mb'],
      description: 'Redis forgets the least recently seen clients beyond this (for the Redis of npm start).',
    }),
  },
  { ...closed, default: {}, title: 'a group of keys', examples: [{ clients: 100000 }] },
);

const headersSchema = Type.Object(
  {
    tier: flag(false, 'Tell clients their tier in the response header X-Tier.'),
    score: flag(false, 'Tell clients their score in the response header X-Score.'),
  },
  { ...closed, default: {}, title: 'a group of keys', examples: [{ tier: true, score: false }] },
);

export const configSchema = Type.Object(
  {
    listen: listenSchema,
    admin: hostPort("The gateway's metrics and status; answers loopback only.", '127.0.0.1:8090', {
      default: '127.0.0.1:8090',
      variable: 'SCOREGATE_ADMIN',
    }),
    workers: Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 1, maximum: 64 })], {
      default: 'auto',
      title: 'auto or a whole number from 1 to 64',
      examples: ['auto'],
      description: 'nginx worker processes; auto is one for each processor core.',
      variable: 'SCOREGATE_WORKERS',
    }),
    mode: Type.Union([Type.Literal('route'), Type.Literal('observe'), Type.Literal('off')], {
      default: 'route',
      title: 'route, observe or off',
      examples: ['route'],
      description:
        'observe sends everybody to the default tier and logs which tier they would have had; off sends them there too, and counts and scores nobody.',
      variable: 'SCOREGATE_MODE',
    }),
    tiers: Type.Array(tierSchema, {
      default: demoTiers,
      minItems: 1,
      maxItems: 8,
      title: 'a list of tiers, best first',
      examples: [demoTiers],
      description:
        'The tiers, best first. A score at or above a line of the model means the next tier down. One tier alone is a plain load balancer; with mode: off it has no scorer either.',
    }),
    default_tier: Type.String({
      default: 'standard',
      title: 'the name of a tier',
      examples: ['standard'],
      description: 'Where a client goes that has no verdict yet.',
    }),
    trusted_proxies: Type.Array(
      Type.String({
        format: 'cidr',
        title: 'an address or a network in CIDR form',
        examples: ['10.0.0.0/8'],
      }),
      {
        default: [],
        title: 'a list of networks',
        examples: [['10.0.0.0/8']],
        description:
          'Peers whose X-Forwarded-For (or PROXY protocol) is believed: your CDN or load balancer.',
        variable: 'SCOREGATE_TRUSTED_PROXIES',
      },
    ),
    name_servers: Type.Array(
      Type.String({
        format: 'name_server',
        title: 'the address of a name server',
        examples: ['10.0.0.2'],
        description: 'An address, with a port when that is not 53.',
      }),
      {
        default: [],
        title: 'a list of name servers',
        examples: [['10.0.0.2', '127.0.0.1:8600']],
        description: 'Who is asked for the addresses of names; none named: those of /etc/resolv.conf.',
      },
    ),
    access: accessSchema,
    cache: cacheSchema,
    compression: compressionSchema,
    tls: tlsSchema,
    backend_tls: backendTlsSchema,
    paths: pathsSchema,
    scorer: scorerSchema,
    redis: Type.String({
      default: 'redis://127.0.0.1:6380',
      format: 'redis',
      title: 'memory or a Redis URL',
      examples: ['redis://127.0.0.1:6380'],
      description:
        'Where windows are kept; memory keeps them in the scorer (one scorer, lost when it restarts).',
      variable: 'SCOREGATE_REDIS',
    }),
    redis_start: flag(true, 'npm start runs a Redis of its own at that address.', {
      variable: 'SCOREGATE_REDIS_START',
    }),
    hysteresis: hysteresisSchema,
    limits: limitsSchema,
    headers: headersSchema,
    logs: logsSchema,
    model: Type.String({
      default: 'model',
      minLength: 1,
      title: 'a folder',
      examples: ['model'],
      description: "The folder of the model; a relative path starts from the project's folder.",
      variable: 'SCOREGATE_MODEL',
    }),
    demo_backends: flag(false, 'npm start runs the demo application at every backend address on loopback.', {
      variable: 'SCOREGATE_DEMO_BACKENDS',
    }),
  },
  { ...closed, title: 'a group of keys' },
);

/** scoregate.yaml once read: every key present, defaults filled in. `model` is an absolute path. */
export type Config = Static<typeof configSchema>;
export type { Tier };

type Partly<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: Partly<T[K]> } : T;
/** Some of the keys of a configuration, at any depth; lists are replaced whole. */
export type Overrides = Partly<Config>;
