/**
 * The access lists' part of nginx.conf. nginx's geo is a radix tree: a look-up takes as long for 10,000 networks as
 * for ten, and the longest prefix wins. The address is the client's, as trusted proxies tell it.
 */
import { denies, deniesAnybody } from './access.ts';
import { loggedPhases } from './nginx_lua.ts';
import { indent } from './nginx_place.ts';
import type { Config } from './schema.ts';
import type { PathAccess } from './schema_access.ts';

/** Whether networks are pinned to tiers: Lua then looks at $access. */
export const pinsNetworks = ({ access }: Config): boolean =>
  Object.values(access.pin).some((networks) => networks.length > 0);

const pathVariable = (index: number): string => `$access_path_${index}`;

/** The trees of the site ($access: allow, deny or pin:TIER) and of each path that has a list. */
export function accessTrees(config: Config): string {
  const { access, paths } = config;
  const pins = Object.entries(access.pin).flatMap(([tier, networks]) =>
    networks.map((network) => `${network} pin:${tier};`),
  );
  const site = denies(access) || pinsNetworks(config) ? [tree('$access', access, pins)] : [];
  const own = paths.flatMap((path, i) =>
    path.access && denies(path.access) ? [tree(pathVariable(i), path.access, [])] : [],
  );
  return [...site, ...own].join('\n');
}

function tree(variable: string, access: PathAccess, more: readonly string[]): string {
  const lines = [
    `default ${access.default};`,
    ...access.allow.map((network) => `${network} allow;`),
    ...access.deny.map((network) => `${network} deny;`),
    ...more,
  ];
  return `geo ${variable} {\n${indent(lines.join('\n'))}\n}`;
}

const refuse = (variable: string): string[] => [`if (${variable} = deny) {`, '  return 403;', '}'];

/** The lines of a public server that turn away whom the site's list denies. */
export const siteGate = ({ access }: Config): string[] => (denies(access) ? refuse('$access') : []);

/** The same of a path's location. */
export function pathGate({ paths }: Config, index: number): string[] {
  const access = paths[index]?.access;
  return access && denies(access) ? refuse(pathVariable(index)) : [];
}

/**
 * Where denied requests end. They are logged, and that is all: a list is a decision that has been made, and a flood
 * from a denied network must cost neither the table of clients nor the scorer anything.
 */
export function deniedLocation(config: Config): string[] {
  if (!deniesAnybody(config)) return [];
  return [
    'error_page 403 @denied;',
    'location @denied {',
    '  set $tier "";',
    '  set $origin denied;',
    ...loggedPhases(config).map((line) => `  ${line}`),
    '  return 403;',
    '}',
  ];
}
