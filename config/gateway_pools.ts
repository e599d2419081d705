/** What gateway.json says of pools (read by lua/scoregate/pool/pools.lua). */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { interchangeable, speaksTls, tlsName } from './backend.ts';
import type { Place } from './nginx_place.ts';
import { nameServers } from './name_servers.ts';
import { SILENT_S } from './nginx_proxy.ts';
import { anyLive, backendsOf, isLive, standIns } from './pool.ts';
import { ownPlaces } from './rules_ports.ts';
import type { Config, Tier } from './schema.ts';
import { usualEjection, usualRetries } from './schema_pool.ts';

/** `pools`, with an entry for each tier, in their order, and where live changes are kept; {} where nginx balances all. */
export function poolSettings(config: Config, place: Place): object {
  if (!anyLive(config)) return {};
  return {
    pools: config.tiers.map((tier, i) => settings(config, tier, i)),
    pools_overlay: join(place.run, POOLS_FOLDER, 'changes.json'),
    name_servers: nameServers(config, place),
    own: ownPlaces(config),
  };
}

/** The folder for live changes, within the one of nginx: its workers write there. */
export const POOLS_FOLDER = 'pools';

/** `own`: the name is that of the backends' addresses, because the tier names no other. */
const tls = (tier: Tier, { backend_tls }: Config): object => ({
  name: tlsName(tier),
  verify: backend_tls.verify,
  own: tier.tls_name === undefined,
});

function settings(config: Config, tier: Tier, index: number): object {
  const { tiers } = config;
  const { pool } = tier;
  return {
    name: tier.name,
    live: isLive(tier, config),
    hash: createHash('sha256')
      .update(JSON.stringify(backendsOf(tier)))
      .digest('hex'),
    balance: pool?.balance ?? 'round_robin',
    backends: backendsOf(tier).map(({ address, ...rest }) => ({ spec: address, ...rest })),
    slow_start_ms: 1000 * (pool?.slow_start_s ?? 0),
    health: pool?.health,
    tls: speaksTls(tier) ? tls(tier, config) : undefined,
    ejection: pool?.ejection ?? usualEjection,
    retries: pool?.retries ?? usualRetries,
    silent_ms: 1000 * SILENT_S,
    queue: pool?.queue,
    stand_ins: standIns(tiers, index)
      .filter((other) => interchangeable(tier, other))
      .map((other) => tiers.indexOf(other)),
  };
}
