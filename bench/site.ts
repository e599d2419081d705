/** The settings of a plain load balancer: one tier that has all backends. */
import { backendsOf } from '../config/pool.ts';
import type { Overrides } from '../config/schema.ts';
import type { Pool } from '../config/schema_pool.ts';
import { PORTS } from './stand.ts';

export const TIER = 'site';

const backends = PORTS.backends.map((port) => `127.0.0.1:${port}`);

/** nginx balances it. */
export const plainSite: Overrides = { tiers: [{ name: TIER, backends }], default_tier: TIER };

/** Lua does, where `changed` asks for what nginx cannot. */
export function pooledSite(changed: Partial<Pool>): Overrides {
  const list = backendsOf({ name: TIER, backends });
  const usual: Pool = { balance: 'round_robin', backends: list, live: false, slow_start_s: 0 };
  return { tiers: [{ name: TIER, pool: { ...usual, ...changed } }], default_tier: TIER };
}

/** Tiers of these names, whose pools of all backends Lua balances. */
export const liveTiers = (names: readonly string[]) =>
  names.map((name) => {
    const list = backendsOf({ name, backends });
    return { name, pool: { balance: 'round_robin' as const, backends: list, live: true, slow_start_s: 0 } };
  });
