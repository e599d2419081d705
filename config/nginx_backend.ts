/** How nginx.conf's proxy speaks to the backends of the tier: over plain HTTP, or over TLS with their certificate checked. */
import { anyTls, speaksTls, tlsName } from './backend.ts';
import { quoted, type Place } from './nginx_place.ts';
import { servingTier } from './nginx_verdict.ts';
import { configuredPath } from './paths.ts';
import type { Config, Tier } from './schema.ts';

const PROTOCOLS = 'TLSv1.2 TLSv1.3';

/** Maps from the tier to what differs between tiers, where something does. */
export function backendMaps(config: Config): string {
  const maps = [
    distinct(config, scheme).length > 1 ? map(config, '$backend_scheme', scheme) : '',
    anyTls(config) && distinct(config, tlsName).length > 1 ? map(config, '$backend_name', tlsName) : '',
  ];
  return maps.filter((text) => text !== '').join('\n');
}

const scheme = (tier: Tier): string => (speaksTls(tier) ? 'https' : 'http');
const distinct = (config: Config, of: (tier: Tier) => string): string[] => [
  ...new Set(serving(config).map(of)),
];

/** The tiers that requests are sent to; those of the others only stand in for them. */
const serving = ({ mode, tiers, default_tier }: Config): Tier[] =>
  tiers.filter(({ name }) => mode === 'route' || name === default_tier);
const map = ({ tiers }: Config, variable: string, of: (tier: Tier) => string): string =>
  `map $tier ${variable} {\n${tiers.map((tier) => `  ${tier.name} ${of(tier)};`).join('\n')}\n}`;

/** proxy_pass, and what belongs to it where a backend speaks TLS. */
export function proxyPass(config: Config, place: Place): string[] {
  const [only, another] = distinct(config, scheme);
  const pass = [
    // A name of one tier is looked up once, one in a variable for every request.
    `proxy_pass ${another === undefined ? only : '$backend_scheme'}://${servingTier(config)};`,
    '# What a backend calls itself is for it to say; without a variable above nginx would rewrite it by default.',
    'proxy_redirect off;',
  ];
  if (!anyTls(config)) return pass;
  const [name, otherName] = distinct(config, tlsName);
  return [
    ...pass,
    `proxy_ssl_protocols ${PROTOCOLS};`,
    'proxy_ssl_server_name on;',
    `proxy_ssl_name ${otherName === undefined ? name : '$backend_name'};`,
    ...verification(config, place),
  ];
}

const anyCheckOverTls = (config: Config): boolean =>
  anyTls(config) && config.tiers.some(({ pool }) => pool?.health !== undefined);

/** How the gateway's own checks speak to https:// backends (lua/scoregate/pool/check.lua): as requests do. */
export function checkTls(config: Config, place: Place): string[] {
  if (!anyCheckOverTls(config)) return [];
  const protocols = `lua_ssl_protocols ${PROTOCOLS};`; // before 0.10.27 ngx_lua leaves out TLS 1.3
  if (!config.backend_tls.verify) return [protocols];
  return [
    protocols,
    `lua_ssl_trusted_certificate ${quoted(authorities(config, place))};`,
    'lua_ssl_verify_depth 3;',
  ];
}

/** The files that nginx's workers read, and not its master: what checks trust, because ngx_lua asks for it there. */
export const readByWorkers = (config: Config, run: string): string[] =>
  anyCheckOverTls(config) && config.backend_tls.verify && config.backend_tls.ca !== 'system'
    ? [configuredPath(config.backend_tls.ca, run)]
    : [];

const authorities = ({ backend_tls: { ca } }: Config, place: Place): string =>
  ca === 'system' ? place.systemCa : configuredPath(ca, place.run);

function verification(config: Config, place: Place): string[] {
  if (!config.backend_tls.verify)
    return ["# Whoever answers at a backend's address is believed: backend_tls.verify is false."];
  return [
    'proxy_ssl_verify on;',
    'proxy_ssl_verify_depth 3;',
    `proxy_ssl_trusted_certificate ${quoted(authorities(config, place))};`,
  ];
}
