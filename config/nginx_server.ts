/** The public server of nginx.conf: where it listens, its locations, and what is logged of a verdict. */
import { isIP } from 'node:net';
import type { Listener } from './access.ts';
import { deniedLocation, pathGate, serverGate } from './nginx_access.ts';
import { proxyPass } from './nginx_backend.ts';
import { cacheDirectives, cacheVariables } from './nginx_cache.ts';
import { errorLog, logsDetails } from './nginx_log.ts';
import { countedPhases, loggedPhases } from './nginx_lua.ts';
import { indent, type Place } from './nginx_place.ts';
import { poolServer, retries } from './nginx_pool.ts';
import { proxy } from './nginx_proxy.ts';
import { redirect, redirects, tlsServers } from './nginx_tls.ts';
import type { Config } from './schema.ts';

/** Where Lua puts the whole line of the log. */
const line = (config: Config): string[] => (logsDetails(config) ? ['set $log_line "";'] : []);

function listen(config: Config, port: number, more: readonly string[]): string {
  const { address, proxy_protocol } = config.listen;
  const host = isIP(address) === 6 ? `[${address}]` : address;
  return `listen ${[`${host}:${port}`, ...more, ...(proxy_protocol ? ['proxy_protocol'] : [])].join(' ')};`;
}

/** What is said of a socket, once: by the first server that listens on it. */
const socket = ({ listen }: Config): string[] => [
  'backlog=4096',
  ...(isIP(listen.address) === 6 ? ['ipv6only=off'] : []),
];

const server = (lines: readonly string[]): string => `server {\n${indent(lines.join('\n'))}\n}`;

/** The servers that the world talks to: one over plain HTTP, and one for each certificate. */
export function publicServers(config: Config, place: Place): string[] {
  const certified = tlsServers(config, place);
  const secure = certified.map(({ options, lines }, i) => {
    const more = i === 0 ? [...options, ...socket(config)] : options;
    return server([listen(config, config.tls.port, more), ...lines, ...site(config, place, 'tls')]);
  });
  // Whom a request without a Host is sent to: what $host is then.
  const named = certified.flatMap(({ names }) => names).find((name) => !name.startsWith('*'));
  const lines = redirects(config)
    ? [`server_name ${named ?? '_'};`, ...onlyRedirect(config)]
    : ['server_name _;', ...site(config, place, 'listen')];
  return [server([listen(config, config.listen.port, socket(config)), ...lines]), ...secure];
}

/** A redirect reaches no backend and is no hit: the request that follows it is. */
const onlyRedirect = (config: Config): string[] => [
  ...line(config),
  'set $tier "";',
  'set $origin redirected;',
  ...serverGate(config, 'listen'),
  ...deniedLocation(config),
  ...loggedPhases(config),
  redirect(config),
];

/** What a server does with requests. */
const site = (config: Config, place: Place, listener: Listener): string[] => [
  ...line(config),
  ...serverGate(config, listener),
  ...deniedLocation(config),
  ...poolServer(config),
  ...countedPhases(config, null),
  ...locations(config, place),
];

/** One location for each path that the configuration names, and one for the rest. */
function locations(config: Config, place: Place): string[] {
  const { paths } = config;
  const own = paths.map(({ path }, i) => location(path, config, place, i));
  const rest = paths.some(({ path }) => path === '/') ? [] : [location('/', config, place, -1)];
  return [...own, ...exact(config, place), ...rest];
}

/** nginx would answer a request for /folder with a redirect where it knows /folder/ only: that is the backend's to say. */
function exact(config: Config, place: Place): string[] {
  const names = config.paths.map(({ path }) => path);
  return names.flatMap((path) => {
    const bare = path.slice(0, -1);
    if (!path.endsWith('/') || bare === '' || names.includes(bare)) return [];
    const fitting = names.filter((name) => bare.startsWith(name)).sort((a, b) => b.length - a.length);
    const index = fitting[0] === undefined ? -1 : names.indexOf(fitting[0]);
    return [location(`= ${bare}`, config, place, index)];
  });
}

/** `index` is of the path of the configuration whose settings hold here; -1 for none. */
function location(name: string, config: Config, place: Place, index: number): string {
  const cache = cacheVariables(config, index);
  const lines = [
    '# What goes wrong with single requests is for the file only; standard error says what happened once.',
    errorLog(config, place),
    ...pathGate(config, index),
    ...proxyPass(config, place),
    ...proxy(config),
    ...retries(config),
    ...(cache === null ? [] : countedPhases(config, cache)),
    ...cacheDirectives(config, index),
  ];
  return `location ${name} {\n${indent(lines.join('\n'))}\n}`;
}
