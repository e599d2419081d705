/** gateway.json for a configuration: what the Lua modules must know (read by lua/scoregate/config.lua). */
import { hostname } from 'node:os';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { endpoint, type Endpoint } from './formats.ts';
import type { Place } from './nginx_place.ts';
import { root } from './paths.ts';
import type { Config } from './schema.ts';

/** The text of gateway.json. */
export function gatewayJson(config: Config, place: Place): string {
  const settings = {
    gateway: gatewayId(config.listen.port),
    tiers: config.tiers.map((tier) => tier.name),
    default_tier: config.tiers.findIndex((tier) => tier.name === config.default_tier),
    mode: config.mode,
    clients: config.limits.clients,
    newcomers: config.limits.newcomers,
    queue: config.limits.queue,
    wait_ms: config.scorer.wait_ms,
    timeout_ms: config.scorer.timeout_ms,
    scorer: scorerEndpoint(config),
    secret_file: place.secret,
    holds_s: config.hysteresis.hold_s,
    observations_file: join(root, 'config/observations.json'),
    workers: place.workers,
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
export function resolver(config: Config, { nameServers }: Place): string[] {
  const { host } = scorerEndpoint(config);
  if (isIP(host) !== 0) return [];
  if (nameServers.length === 0) {
    throw new Error(
      `/etc/resolv.conf names no name server to find ${host} with; set scorer.address to an IP address`,
    );
  }
  const servers = nameServers.map((address) => (isIP(address) === 6 ? `[${address}]` : address));
  return [`resolver ${servers.join(' ')} valid=2s;`, `resolver_timeout ${config.scorer.timeout_ms}ms;`];
}

/** `HOST-PORT`, short enough that `gateway/start/worker` stays within the 64 characters of a sender. */
function gatewayId(port: number): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 32);
  return `${host === '' ? 'gateway' : host}-${port}`;
}
