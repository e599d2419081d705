/** The proxy's part of nginx.conf: who the client is, who serves its tier, what the backend is told. */
import { scores } from './mode.ts';
import type { Config } from './schema.ts';

/** Takes the client's address from trusted proxies, and from nobody else. */
export function realip(config: Config): string {
  const trusted = config.trusted_proxies.map((network) => `set_real_ip_from ${network};`);
  const header = config.listen.proxy_protocol ? 'proxy_protocol' : 'X-Forwarded-For';
  const set = trusted.length === 0 ? [] : [...trusted, `real_ip_header ${header};`, 'real_ip_recursive on;'];
  const geo = config.trusted_proxies.map((network) => `  ${network} 1;`);
  // Named in a map, it has an index by which Lua finds it (lua/scoregate/variable.lua); the map itself is never asked.
  const indexed = 'map $binary_remote_addr $address_has_index {\n  default "";\n}';
  return [indexed, ...set, 'geo $realip_remote_addr $peer_trusted {', '  default 0;', ...geo, '}'].join('\n');
}

const tellsScore = (config: Config): boolean => config.headers.score && scores(config);

/** The score as a header's value: one with an empty value is not sent, so nobody without a verdict gets an X-Score. */
export function scoreHeader(config: Config): string {
  return tellsScore(config) ? 'map $score $score_known {\n  null "";\n  default $score;\n}' : '';
}

/**
 * Only a trusted proxy may say that the client came over https; one that speaks the PROXY protocol passes on whatever
 * the client wrote. The maps for each scheme are looked at only when a header names it.
 */
function forwardedProto(config: Config): string {
  if (config.listen.proxy_protocol) return 'map "" $forwarded_proto {\n  default $scheme;\n}';
  const schemes = ['https', 'http'];
  const trusted = schemes.map(
    (scheme) => `map $peer_trusted $${scheme}_if_trusted {\n  1 ${scheme};\n  default $scheme;\n}`,
  );
  const named = schemes.map((scheme) => `  ${scheme} $${scheme}_if_trusted;`);
  return [
    ...trusted,
    'map $http_x_forwarded_proto $forwarded_proto {',
    ...named,
    '  default $scheme;',
    '}',
  ].join('\n');
}

/** What backends are told of the client. The peer is appended, not the client that realip made of it. */
export function forwarded(config: Config): string {
  const peer = config.listen.proxy_protocol ? '$remote_addr' : '$realip_remote_addr';
  return `map $http_x_forwarded_for $forwarded_for {
  "" ${peer};
  default "$http_x_forwarded_for, ${peer}";
}
${forwardedProto(config)}
# HTTP/1.0 needs no Host; the request to the backend is HTTP/1.1 and does.
map $http_host $backend_host {
  "" localhost;
  default $http_host;
}
# Only WebSocket: over any other protocol (h2c) further requests would pass uncounted. And only where it can be had
# (RFC 9113, 8.6): nginx would write the backend's bytes between the frames of HTTP/2. Looked at only when it is asked for.
map $server_protocol $upgrade_if_possible {
  HTTP/1.1 websocket;
  default "";
}
map $server_protocol $connection_if_possible {
  HTTP/1.1 upgrade;
  default "";
}
map $http_upgrade $backend_upgrade {
  websocket $upgrade_if_possible;
  default "";
}
map $http_upgrade $backend_connection {
  websocket $connection_if_possible;
  default "";
}`;
}

/** How long a backend may be silent, seconds: before its answer begins, and between two parts of it. */
export const SILENT_S = 60;

/** The directives of a location that passes requests on. */
export function proxy(config: Config): string[] {
  const lines = `proxy_http_version 1.1;
proxy_set_header Host $backend_host;
proxy_set_header Connection $backend_connection;
proxy_set_header Upgrade $backend_upgrade;
proxy_set_header X-Forwarded-For $forwarded_for;
proxy_set_header X-Forwarded-Proto $forwarded_proto;
proxy_set_header X-Real-IP $remote_addr;
# Who the client is and what it asked for is said above.
proxy_set_header Forwarded "";
# A verdict is ours to give: nobody may send one in.
proxy_set_header X-Tier "";
proxy_set_header X-Score "";
# It would send the request through the gateway once more, and count it twice.
proxy_ignore_headers X-Accel-Redirect;
proxy_connect_timeout 1s;
proxy_send_timeout 60s;
proxy_read_timeout ${SILENT_S}s;
# A head that does not fit counts as a failure of the backend: a redirect may repeat an address of 8k, escaped. Not 64k:
# nginx has 16 bits for where the body begins in a file of the cache, and takes 65,536 for 0.
proxy_buffer_size 60k;
proxy_buffers 16 16k;
proxy_busy_buffers_size 64k;`.split('\n');
  const hidden = headers(config).map(([name]) => `proxy_hide_header ${name};`);
  return [...lines, ...hidden, ...verdictHeaders(config)];
}

/** What clients are told of their verdict: name and value. */
function headers(config: Config): [string, string][] {
  return [
    ...(config.headers.tier ? [['X-Tier', '$tier'] as [string, string]] : []),
    ...(tellsScore(config) ? [['X-Score', '$score_known'] as [string, string]] : []),
  ];
}

/** The directives that tell them. */
export const verdictHeaders = (config: Config): string[] =>
  headers(config).map(([name, value]) => `add_header ${name} ${value} always;`);
