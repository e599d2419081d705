/**
 * The access lists' part of nginx.conf. nginx's geo is a radix tree: a look-up takes as long for 10,000 networks as
 * for ten, and the longest prefix wins. The address is the client's, as trusted proxies tell it.
 */
import { denies, deniesAnybody, listenerAccess, LISTENERS, type Listener } from './access.ts';
import { loggedPhases } from './nginx_lua.ts';
import { indent } from './nginx_place.ts';
import type { Config } from './schema.ts';
import type { AccessList } from './schema_access.ts';

/** Whether networks are pinned to tiers: Lua then looks at $access. */
export const pinsNetworks = ({ access }: Config): boolean =>
  Object.values(access.pin).some((networks) => networks.length > 0);

const listenerVariable = (listener: Listener): string => `$access_${listener}`;
const pathVariable = (index: number): string => `$access_path_${index}`;

/** The trees of the site ($access: allow, deny or pin:TIER) and of each listener and path that has a list. */
export function accessTrees(config: Config): string {
  const { access, paths } = config;
  const pins = Object.entries(access.pin).flatMap(([tier, networks]) =>
    networks.map((network) => `${network} pin:${tier};`),
  );
  const site = denies(access) || pinsNetworks(config) ? [tree('$access', access, pins)] : [];
  const own = [
    ...LISTENERS.flatMap((one) => ownTree(listenerVariable(one), listenerAccess(config, one))),
    ...paths.flatMap((path, i) => ownTree(pathVariable(i), path.access)),
  ];
  return [...site, ...own].join('\n');
}

const ownTree = (variable: string, access: AccessList | undefined): string[] =>
  access && denies(access) ? [tree(variable, access, [])] : [];

function tree(variable: string, access: AccessList, more: readonly string[]): string {
  const lines = [
    `default ${access.default};`,
    ...access.allow.map((network) => `${network} allow;`),
    ...access.deny.map((network) => `${network} deny;`),
    ...more,
  ];
  return `geo ${variable} {\n${indent(lines.join('\n'))}\n}`;
}

const gate = (variable: string, access: AccessList | undefined): string[] =>
  access && denies(access) ? [`if (${variable} = deny) {`, '  return 403;', '}'] : [];

/** The lines of a public server that turn away whom the site's list denies, or that of the listener. */
export const serverGate = (config: Config, listener: Listener): string[] => [
  ...gate('$access', config.access),
  ...gate(listenerVariable(listener), listenerAccess(config, listener)),
];

/** The same of a path's location. */
export const pathGate = ({ paths }: Config, index: number): string[] =>
  gate(pathVariable(index), paths[index]?.access);

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
