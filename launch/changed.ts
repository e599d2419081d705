/** What a reload must know of two configurations: whether it may change the one to the other, and what it must start anew. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { scores } from '../config/mode.ts';
import { root } from '../config/paths.ts';
import type { Config } from '../config/schema.ts';

/** Redis is left alone by a reload: it holds the windows. So is whether there are scorer and Redis at all. */
export function refuse(old: Config, next: Config): void {
  const settings = (config: Config) =>
    [config.redis, config.redis_start, config.limits.redis_memory, scores(config)].join(' ');
  if (settings(old) === settings(next)) return;
  throw new Error(
    'redis, redis_start, limits.redis_memory, and mode to or from off, change only with a new start: Ctrl-C, then npm start',
  );
}

/** What the scorer reads, of a configuration and beside it, as text to compare. */
export function scorerSettings({
  scorer,
  redis,
  hysteresis,
  limits,
  tiers,
  default_tier,
  model,
  trusted_proxies,
}: Config): string {
  const names = tiers.map((tier) => tier.name);
  const vocabulary = readFileSync(join(root, 'config/observations.json'), 'utf8');
  const read = [scorer, redis, hysteresis, limits, names, default_tier, model, trusted_proxies, vocabulary];
  return JSON.stringify(read);
}
