/** What a tier gives one client: the settings that lua/scoregate/limit.lua reads, and what must hold in the file. */
import type { Problem } from './problems.ts';
import type { Config } from './schema.ts';

/** Milliseconds between requests, how many may come at once all the same, how many may be under way; 0: no limit. */
interface Limit {
  interval_ms: number;
  burst: number;
  connections: number;
}

/** By the names of the tiers that have one. */
export const limits = ({ tiers }: Config): Record<string, Limit> =>
  Object.fromEntries(
    tiers.flatMap(({ name, limit }): [string, Limit][] => {
      if (!limit) return [];
      const { requests_per_s: rate = 0, burst = Math.max(1, Math.ceil(rate)), connections } = limit;
      return [[name, { interval_ms: rate === 0 ? 0 : 1000 / rate, burst, connections }]];
    }),
  );

/** `limits` of gateway.json; {} where no tier has one: the gateway then looks at none. */
export function limitSettings(config: Config): { limits?: Record<string, Limit> } {
  const found = limits(config);
  return Object.keys(found).length === 0 ? {} : { limits: found };
}

export function limitRules({ tiers }: Config): Problem[] {
  return tiers.flatMap(({ limit }, i): Problem[] => {
    if (!limit || limit.requests_per_s !== undefined) return [];
    const path = ['tiers', i, 'limit'];
    if (limit.burst !== undefined) {
      const text = 'there is no limit for it to go beyond; add requests_per_s, or take it out';
      return [{ path: [...path, 'burst'], text }];
    }
    if (limit.connections > 0) return [];
    return [{ path, text: 'it limits nothing; add requests_per_s or connections, or take it out' }];
  });
}
