/** gateway.json for a configuration: what the Lua modules must know (read by lua/scoregate/config.lua). */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { endpoint } from './formats.ts';
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
    scorer: endpoint(config.scorer.listen),
    secret_file: join(place.run, 'secret'),
    holds_s: config.hysteresis.hold_s,
    observations_file: join(root, 'config/observations.json'),
    workers: place.workers,
  };
  return `${JSON.stringify(settings, null, 2)}\n`;
}

/** `HOST-PORT`, short enough that `gateway/start/worker` stays within the 64 characters of a sender. */
function gatewayId(port: number): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 32);
  return `${host === '' ? 'gateway' : host}-${port}`;
}
