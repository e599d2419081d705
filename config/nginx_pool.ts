/** The upstreams of nginx.conf: one for each tier. */
import { address, interchangeable } from './backend.ts';
import { indent } from './nginx_place.ts';
import { backendsOf, known, standIns } from './pool.ts';
import type { Tier } from './schema.ts';
import type { PoolBackend } from './schema_pool.ts';

/** What follows the address of a backend in nginx's own balancer. */
function parameters({ weight, max_connections, state, backup }: PoolBackend): string {
  return [
    ...(backup ? [' backup'] : []),
    ...(weight > 1 || backup ? [` weight=${weight}`] : []),
    ...(max_connections > 0 ? [` max_conns=${max_connections}`] : []),
    ' max_fails=2 fail_timeout=5s',
    ...(state === 'up' ? [] : [' down']),
  ].join('');
}

/** The most that the weights of an upstream may be: nginx adds them up in a C int. */
const HEAVIEST = 1e7;

/**
 * The upstream of one tier: its own backends, then its own backups, then everybody else's backends as further backups.
 * nginx knows no order among backups, only weights; they grow so steeply with nearness that the nearest tier that has
 * a backend gets nearly everything.
 */
export function upstream(tiers: readonly Tier[], index: number): string {
  const own = tiers[index];
  if (!own) throw new Error(`there is no tier ${index}`);
  const all = backendsOf(own);
  const others = standIns(tiers, index).map((tier) => (interchangeable(own, tier) ? backendsOf(tier) : []));
  const spare = all.filter(({ backup }) => backup);
  const ranks = spare.length > 0 ? [spare, ...others] : others;
  const base = ranks.length < 2 ? 1 : Math.min(1000, Math.floor(HEAVIEST ** (1 / (ranks.length - 1))));
  const named = new Set<string>();
  const line = (backend: PoolBackend, weight?: number): string[] => {
    const at = address(known(backend.address));
    if (named.has(at)) return [];
    named.add(at);
    return [
      `server ${at}${parameters(weight === undefined ? backend : { ...backend, backup: true, weight })};`,
    ];
  };
  const lines = all.filter(({ backup }) => !backup).flatMap((backend) => line(backend));
  ranks.forEach((backends, i) => {
    lines.push(...backends.flatMap((backend) => line(backend, base ** (ranks.length - 1 - i))));
  });
  return `upstream ${own.name} {
  # Shared by the workers, so that a backend that is down is down for all of them.
  zone tier_${own.name} 256k;
${indent(lines.join('\n'))}
${KEEPALIVE}
}`;
}

const KEEPALIVE = `  keepalive 64;
  keepalive_requests 100000;
  # Below the 5 s after which Node and Apache close an idle connection: closing first avoids losing a request.
  keepalive_timeout 4s;`;
