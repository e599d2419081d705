/** The upstreams of nginx.conf: one for each tier. */
import { address, interchangeable } from './backend.ts';
import { limits } from './limits.ts';
import { indent } from './nginx_place.ts';
import { verdictHeaders } from './nginx_proxy.ts';
import { anyLive, backendsOf, isLive, isName, known, standIns } from './pool.ts';
import type { Config, Tier } from './schema.ts';
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
 * An upstream that nginx balances: the tier's own backends, then its own backups, then everybody else's backends as further backups.
 * nginx knows no order among backups, only weights; they grow so steeply with nearness that the nearest tier that has
 * a backend gets nearly everything.
 */
function ownBalancer(tiers: readonly Tier[], own: Tier, index: number, openFiles: number): string {
  const all = backendsOf(own);
  // Names are for Lua: nginx would ask for them once, and not start without an answer.
  const others = standIns(tiers, index).map((tier) =>
    interchangeable(own, tier) ? backendsOf(tier).filter(({ address }) => !isName(known(address).host)) : [],
  );
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
  const method = own.pool?.balance === 'least_connections' ? ['least_conn;'] : [];
  return `upstream ${own.name} {
  # Shared by the workers: what one has under way, and a backend that is down, all of them know.
  zone tier_${own.name} 256k;
${indent([...method, ...lines].join('\n'))}
${keepalive(openFiles)}
}`;
}

/** An upstream that Lua balances. The server is one that nginx asks for and never gets to. */
const luaBalancer = ({ name }: Tier, index: number, openFiles: number): string => `upstream ${name} {
  server 0.0.0.1;
  balancer_by_lua_block { package.loaded["scoregate.pool.attempt"].balance(${index}) }
${keepalive(openFiles)}
}`;

/**
 * The upstream of the tier with that index.
 * @param openFiles how many a worker may have
 */
export function upstream({ tiers }: Pick<Config, 'tiers'>, index: number, openFiles: number): string {
  const own = tiers[index];
  if (!own) throw new Error(`there is no tier ${index}`);
  return isLive(own, { tiers })
    ? luaBalancer(own, index, openFiles)
    : ownBalancer(tiers, own, index, openFiles);
}

/** When nginx asks for another backend. It never repeats a POST that was sent. */
export function retries(config: Config): string[] {
  const statuses = config.tiers.flatMap(({ pool }) => pool?.retries?.statuses ?? []);
  const when = [...new Set(statuses)].sort().map((status) => ` http_${status}`);
  return [
    '# Only requests that may be repeated are: nginx never sends a POST twice.',
    `proxy_next_upstream error timeout${when.join('')};`,
    // Where Lua balances it says itself when it is enough; connections that fail may be as many as there are backends.
    `proxy_next_upstream_tries ${anyLive(config) ? 64 : 4};`,
  ];
}

/** What a public server needs of pools: where a request's attempt is noted, and what it is told when all fail. */
export function poolServer(config: Config): string[] {
  // nginx names the upstream in place of an address when it had no server to ask.
  const better = anyLive(config)
    ? 'require("scoregate.pool.attempt").status()'
    : 'ngx.var.upstream_addr == ngx.var.tier and 503';
  const limited = Object.keys(limits(config)).length > 0;
  return [
    ...(anyLive(config) ? ['set $pool_attempt "";'] : []),
    ...(limited ? ['set $limit_counted "";', 'set $limit_retry_after "";'] : []),
    `error_page ${limited ? '429 ' : ''}502 503 504 @failed;`,
    'location @failed {',
    ...verdictHeaders(config).map((line) => `  ${line}`),
    `  access_by_lua_block { require("scoregate.failed").serve(${better}) }`,
    '}',
  ];
}

const keepalive = (
  openFiles: number,
): string => `  # Of each worker: with fewer than requests under way, connections are closed and opened all the time.
  keepalive ${Math.min(512, Math.floor(openFiles / 16))};
  keepalive_requests 100000;
  # Below the 5 s after which Node and Apache close an idle connection: closing first avoids losing a request.
  keepalive_timeout 4s;`;
