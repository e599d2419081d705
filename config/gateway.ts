/** gateway.json for a configuration: what the Lua modules must know (read by lua/scoregate/config.lua). */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { address } from './backend.ts';
import { endpoint, type Endpoint } from './formats.ts';
import { poolSettings } from './gateway_pools.ts';
import { limitSettings } from './limits.ts';
import { scores } from './mode.ts';
import { nameServers } from './name_servers.ts';
import { pinsNetworks } from './nginx_access.ts';
import { cacheSettings } from './nginx_cache.ts';
import { logDetails } from './nginx_log.ts';
import type { Place } from './nginx_place.ts';
import { root } from './paths.ts';
import type { Config } from './schema.ts';
import { holdsOf, waitOf } from './tiers.ts';

/** The text of gateway.json. */
export function gatewayJson(config: Config, place: Place): string {
  const settings = {
    gateway: gatewayId(hostname(), config.listen.port),
    tiers: config.tiers.map((tier) => tier.name),
    default_tier: config.tiers.findIndex((tier) => tier.name === config.default_tier),
    mode: config.mode,
    clients: config.limits.clients,
    newcomers: config.limits.newcomers,
    queue: config.limits.queue,
    wait_ms: waitOf(config),
    timeout_ms: config.scorer.timeout_ms,
    scorer: scorerEndpoint(config),
    secret_file: place.secret,
    holds_s: holdsOf(config),
    observations_file: join(root, 'config/observations.json'),
    workers: place.workers,
    pins: pinsNetworks(config),
    ...limitSettings(config),
    ...poolSettings(config, place),
    ...cacheSettings(config, place),
    log: logDetails(config, place),
  };
  return `${JSON.stringify(settings, null, 2)}\n`;
}

/** Where the gateway reaches the scorer. nginx's resolver asks name servers only, which need not know localhost. */
export function scorerEndpoint({ scorer }: Config): Endpoint {
  const at = endpoint(scorer.address ?? scorer.listen);
  if (!at) throw new Error(`scorer.address is not HOST:PORT: ${scorer.address ?? scorer.listen}`);
  return at.host === 'localhost' ? { ...at, host: '127.0.0.1' } : at;
}

/**
 * The directives by which Lua finds the scorer when it has a name. A name is asked for again every 2 s, whatever its
 * record says (Docker's name server says 600 s): a scorer that was started anew may have another address.
 */
export function resolver(config: Config, place: Place): string[] {
  const { host } = scorerEndpoint(config);
  if (isIP(host) !== 0 || !scores(config)) return [];
  const known = nameServers(config, place);
  if (known.length === 0) {
    throw new Error(
      `/etc/resolv.conf names no name server to find ${host} with; name one in name_servers, or set scorer.address to an IP address`,
    );
  }
  const servers = known.map(address);
  return [`resolver ${servers.join(' ')} valid=2s;`, `resolver_timeout ${config.scorer.timeout_ms}ms;`];
}

const LONGEST_HOST = 24;

/**
 * `HOST-PORT`, short enough that a sender's name (`gateway/start-pid/worker.seq`) stays within its 64 characters. Of a
 * long name the start stays, and a hash of the whole: pods of one deployment differ only at the end.
 */
export function gatewayId(host: string, port: number): string {
  const name = host.replace(/[^A-Za-z0-9._-]/g, '-');
  if (name.length <= LONGEST_HOST) return `${name === '' ? 'gateway' : name}-${port}`;
  const hash = createHash('sha256').update(host).digest('hex').slice(0, 8);
  return `${name.slice(0, LONGEST_HOST - 9)}-${hash}-${port}`;
}
