/** The schema of the cache: for the whole site (`cache`) and for single paths (`paths[].cache`). */
import Type, { type Static } from 'typebox';
import { closed, flag } from './schema_values.ts';

const seconds = {
  minimum: 0,
  maximum: 31_536_000,
  title: 'a whole number of seconds',
  examples: [30],
  description: 'For how long an answer is kept that does not say so itself; 0 keeps only those that do.',
};

export const cacheSchema = Type.Object(
  {
    enabled: flag(false, 'Keep answers of the backends on disk.', { variable: 'SCOREGATE_CACHE_ENABLED' }),
    ttl_s: Type.Integer({ default: 0, ...seconds, variable: 'SCOREGATE_CACHE_TTL_S' }),
    size: Type.String({
      default: '1gb',
      format: 'memory',
      title: 'an amount, 16mb or more',
      examples: ['1gb'],
      description: 'The most that the cache takes of the disk; the least recently used goes first.',
    }),
    stale: Type.Union([Type.Literal('failing'), Type.Literal('updating'), Type.Literal('off')], {
      default: 'failing',
      title: 'failing, updating or off',
      examples: ['failing'],
      description:
        'When an answer that is too old is given: while the backend fails; also once while it is fetched anew; never.',
    }),
  },
  { ...closed, default: {}, title: 'a group of keys', examples: [{ enabled: true, ttl_s: 30 }] },
);

export const pathCacheSchema = Type.Object(
  {
    enabled: flag(true, 'Keep the answers below this path.'),
    ttl_s: Type.Optional(Type.Integer(seconds)),
    cookies: flag(false, 'The answers do not depend on cookies: keep those to requests with one too.'),
  },
  { ...closed, title: 'a group of keys', examples: [{ ttl_s: 3600 }] },
);

export type Cache = Static<typeof cacheSchema>;
