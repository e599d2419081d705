/** What a tier's pool is, in its short form (`backends`) and in its long one (`pool`). */
import { isIP } from 'node:net';
import { backend, type Backend } from './formats.ts';
import type { Path } from './places.ts';
import type { Config, Tier } from './schema.ts';
import type { Pool, PoolBackend } from './schema_pool.ts';

/** The backends of a tier, whichever form they are written in. */
export function backendsOf({ backends, pool }: Tier): PoolBackend[] {
  if (pool) return pool.backends;
  const plain = { weight: 1, max_connections: 0, backup: false, state: 'up' } as const;
  return (backends ?? []).map((address) => ({ address, ...plain }));
}

/** Where the address of a tier's backend stands in the file. */
export function backendPath(tiers: readonly Tier[], tier: number, index: number): Path {
  return tiers[tier]?.pool
    ? ['tiers', tier, 'pool', 'backends', index, 'address']
    : ['tiers', tier, 'backends', index];
}

/** The backend of a text that the schema has let through. */
export function known(text: string): Backend {
  const found = backend(text);
  if (!found) throw new Error(`not a backend: ${text}`);
  return found;
}

/** Whether a host must be asked for: nginx and Lua know localhost without a name server. */
export const isName = (host: string): boolean => isIP(host) === 0 && host !== 'localhost';

/** The ways of balancing that nginx does as Lua would. */
const NGINX_BALANCES = new Set<Pool['balance']>(['round_robin', 'least_connections']);

/**
 * Whether Lua picks this tier's backends. nginx's own balancer is faster by far, and can weights, limits of connections,
 * backups and backends that are out of use; so Lua does it only where a pool asks for more.
 */
export function isLive(tier: Tier, { tiers }: Pick<Config, 'tiers'>): boolean {
  return asksForMore(tier) || tiers.some(({ pool }) => (pool?.retries?.statuses.length ?? 0) > 0);
}

function asksForMore(tier: Tier): boolean {
  const { pool } = tier;
  if (backendsOf(tier).some(({ address }) => isName(known(address).host))) return true;
  if (!pool) return false;
  const { balance, live, health, ejection, slow_start_s, retries, queue } = pool;
  const groups = [health, ejection, retries, queue];
  return (
    live || !NGINX_BALANCES.has(balance) || slow_start_s > 0 || groups.some((group) => group !== undefined)
  );
}

/** Whether Lua picks the backends of any tier. */
export const anyLive = (config: Config): boolean => config.tiers.some((tier) => isLive(tier, config));

/**
 * The tiers whose backends stand in for those of tier `index`, in the order in which they do: the one that it names,
 * then the next worse ones in turn, then the next better ones.
 */
export function standIns(tiers: readonly Tier[], index: number): Tier[] {
  const others = [...tiers.slice(index + 1), ...tiers.slice(0, index).reverse()];
  const named = tiers[index]?.pool?.fallback;
  return [...others.filter(({ name }) => name === named), ...others.filter(({ name }) => name !== named)];
}
