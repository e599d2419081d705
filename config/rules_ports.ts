/** Who listens on which port of this machine: each has its own, and the gateway is no backend of itself. */
import { endpoint, isLoopback, redisAddress } from './formats.ts';
import { scores } from './mode.ts';
import { pathText, type Path } from './places.ts';
import { backendPath, backendsOf, known } from './pool.ts';
import type { Problem } from './problems.ts';
import type { Config } from './schema.ts';

interface Listener {
  path: Path;
  port: number;
}

/** The gateway's own ports, and those of the scorer and its Redis where they are on this machine. */
function own(config: Config): Listener[] {
  const { listen, tls } = config;
  const found: Listener[] = [{ path: ['listen', 'port'], port: listen.port }];
  if (tls.certificates.length > 0) found.push({ path: ['tls', 'port'], port: tls.port });
  const admin = endpoint(config.admin);
  if (admin) found.push({ path: ['admin'], port: admin.port });
  const scorer = scores(config) ? endpoint(config.scorer.listen) : null;
  if (scorer) found.push({ path: ['scorer', 'listen'], port: scorer.port });
  const redis = scores(config) ? redisAddress(config.redis) : null;
  if (redis && isLoopback(redis.host)) found.push({ path: ['redis'], port: redis.port });
  return found;
}

/** Addresses that are this machine's beside loopback: "any" too, to which Linux connects as to loopback. */
const ownHosts = ({ listen }: Config): string[] => ['0.0.0.0', '::', listen.address];

/** The same, for changes while the gateway runs (lua/scoregate/pool/addition.lua): key by port, and addresses. */
export const ownPlaces = (config: Config): { ports: Record<string, string>; hosts: string[] } => ({
  ports: Object.fromEntries(own(config).map(({ path, port }) => [port, pathText(path)])),
  hosts: ownHosts(config),
});

function backends(config: Config): Listener[] {
  return config.tiers.flatMap((tier, i) =>
    backendsOf(tier).flatMap(({ address }, j) => {
      const { host, port } = known(address);
      const isHere = isLoopback(host) || ownHosts(config).includes(host);
      return isHere ? [{ path: backendPath(config.tiers, i, j), port }] : [];
    }),
  );
}

/** Backends may share a port, on different loopback addresses (127.0.0.2, 127.0.0.3) or in two tiers; nobody else may. */
export function portRules(config: Config): Problem[] {
  const ours = own(config);
  return [...ours, ...backends(config)].flatMap(({ path, port }, i) => {
    const other = ours.slice(0, i).find((one) => one.port === port);
    if (!other) return [];
    return [
      { path, text: `port ${port} is already used by ${pathText(other.path)}; give each its own port` },
    ];
  });
}
