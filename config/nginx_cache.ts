/**
 * The cache's part of nginx.conf. nginx honours Cache-Control, Expires, Vary and Set-Cookie of an answer; what a
 * shared cache must do beside that (RFC 9111) is in the maps here and in lua/scoregate/cache.lua.
 */
import { join } from 'node:path';
import { memoryBytes } from './formats.ts';
import { quoted, type Place } from './nginx_place.ts';
import { servingTier } from './nginx_verdict.ts';
import type { Config } from './schema.ts';

/** The statuses of answers that are kept although they do not say for how long, where there is a time to live. */
const USUAL = [200, 203, 300, 301, 308, 404, 410];

/**
 * What a request says of the version and the part that it wants. nginx asks for the whole answer, to keep it; its own
 * validators it sends where it has some.
 */
const CONDITIONS = {
  'If-None-Match': '$upstream_cache_etag',
  'If-Modified-Since': '$upstream_cache_last_modified',
  'If-Match': '""',
  'If-Unmodified-Since': '""',
  Range: '""',
  'If-Range': '""',
};
/** What backends make links of, beside the host and the scheme: part of the key, one line of each. */
const TOLD = ['Host', 'Scheme', 'Ssl', 'Port', 'Prefix'].map((what) => `X-Forwarded-${what}`);

/**
 * What frameworks take for another address, method or scheme than the request's: not passed on with GET and HEAD, since
 * the key does not have it, and everybody would be given the answer.
 */
const OVERRIDES = [
  ...['X-Original-URL', 'X-Original-URI', 'X-Original-Host', 'X-Rewrite-URL', 'X-Host', 'X-Script-Name'],
  ...['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X-ProxyContextPath'],
  ...['X-Scheme', 'X-Url-Scheme', 'Front-End-Https'],
  ...['Server', 'Path', 'Uri', 'Context', 'Protocol'].map((what) => `X-Forwarded-${what}`),
];
const variable = (header: string): string => header.toLowerCase().replaceAll('-', '_');

/** What holds for a location: the time to live in seconds, and whether requests with cookies are like others. */
interface Cached {
  ttl_s: number;
  cookies: boolean;
}

/** Whether any answer may be kept. */
export const caches = (config: Config): boolean =>
  config.paths.some((_, i) => cached(config, i) !== null) || cached(config, -1) !== null;

/** The cache of the path with that index, or of the rest (-1); null where there is none. */
function cached({ cache, paths }: Config, index: number): Cached | null {
  const own = paths[index]?.cache;
  if (!(own?.enabled ?? cache.enabled)) return null;
  return { ttl_s: own?.ttl_s ?? cache.ttl_s, cookies: own?.cookies ?? false };
}

/**
 * What gateway.json says of it: where lua/scoregate/changes.lua keeps which targets were changed. Not within nginx's
 * folder, which removes what is no entry.
 */
export const cacheSettings = (config: Config, place: Place): object =>
  caches(config) ? { cache_changes: join(place.run, 'cache_changes') } : {};

/** The directives beside the locations: where the entries are, and which answers are not kept. */
export function cacheZone(config: Config, place: Place): string {
  if (!caches(config)) return '';
  return `# 16 MB of keys are about 128,000 entries. Files are written where they stay: renaming beats copying.
proxy_cache_path ${quoted(join(place.run, 'cache'))} levels=1:2 keys_zone=cache:16m use_temp_path=off
  max_size=${memoryBytes(config.cache.size)} inactive=1d;
# To open, look at and close a file is a quarter of the work of an answer: those that are asked for again stay open. nginx
# sees by the inode, of which all workers know, when another file has come in the place of one.
open_file_cache max=${Math.min(10_000, Math.floor(place.openFiles / 4))} inactive=20s;
lua_shared_dict cache_skips 1m;
lua_shared_dict cache_validations 1m;
# The age of an answer from the cache: Lua adds the time since its date (lua/scoregate/cache.lua).
map "" $cache_age {
  default $upstream_http_age;
}
map "" $cache_date {
  default $upstream_http_date;
}
# 1 for a target whose answers are not kept: Lua says so (lua/scoregate/skips.lua).
map "" $cache_skip {
  default "";
}
# When the target was changed: Lua says so (lua/scoregate/changes.lua).
map "" $cache_changed {
  default "";
}
# Of what is not kept the backend is asked what the client asks; its answer is then no entry.
${Object.entries(CONDITIONS)
  .map(
    ([name, own]) =>
      `map $cache_skip $cache_${variable(name)} {\n  default ${own};\n  1 $http_${variable(name)};\n}`,
  )
  .join('\n')}
# Of a request with a body, which the key does not have, the answer is for its client alone.
map "$request_body$request_body_file" $cache_any_body {
  "" "";
  default 1;
}
map $request_method $cache_body {
  default "";
  GET $cache_any_body;
  HEAD $cache_any_body;
}
map "" $cache_told {
  default "${TOLD.map((name) => `$http_${variable(name)}`).join(' ')}";
}
${OVERRIDES.map(
  (name) =>
    `map $request_method $cache_${variable(name)} {\n  default $http_${variable(name)};\n  GET "";\n  HEAD "";\n}`,
).join('\n')}
# The status of the backend, the last of those that were asked: nginx makes a part for the client of a whole answer.
map $upstream_status $cache_partial {
  default "";
  ~(?:206|304|412|416)$ 1;
}
# What is named in a map has an index, by which Lua finds it; the map itself is never asked.
map "$cache_date$request_method" $cache_variables_have_indexes {
  default "";
}
map $http_cookie $cache_cookie {
  "" none;
  default cookie;
}
# Who asks: what is kept for requests with a password or a cookie has entries of its own.
map $http_authorization $cache_anybody {
  "" none;
  default auth;
}
map $http_authorization $cache_who {
  "" $cache_cookie;
  default auth;
}
# What the answer says: RFC 9111, 5.2.2. nginx refuses "never" by itself, and reads what it looks for within other words
# too; Lua wants to know of it. "shared" and "fresh" say for how long, "open" does not.
map $upstream_http_cache_control $cache_says {
  default nothing;
  ~*no-store|no-cache|private never;
  "~*s-maxage=0*[1-9]\\d*(?:[,; ]|$)" shared;
  "~*s-maxage=|max-age=(?!0*[1-9]\\d*(?:[,; ]|$))" never;
  ~*^(?=.*max-age=)(?:.*[\\s,])?(?:public|must-revalidate)(?:[\\s,]|$) shared;
  ~*max-age= fresh;
  ~*(?:^|[\\s,])(?:public|must-revalidate)(?:[\\s,]|$) open;
}
# Whether the configuration's time to live is for its status, or for that of the whole answer.
map $status $cache_usual {
  default 0;
${[...USUAL, 206, 304].map((status) => `  ${status} 1;`).join('\n')}
}
map "$upstream_http_expires$upstream_http_x_accel_expires" $cache_undated {
  "" 1;
  default 0;
}
${refused('')}
${refused('_anybody')}`;
}

/**
 * Which answers are not kept. With Authorization only those that allow it (RFC 9111, 3.5); with a cookie only those
 * that say how long they are fresh: a backend that says nothing may have looked at the cookie. Never what sets a cookie,
 * and no stream of events, which has no end.
 */
function refused(suffix: '' | '_anybody'): string {
  const who = suffix === '' ? '$cache_who' : '$cache_anybody';
  return `map "${who}:$cache_says" $cache_denied${suffix} {
  default 0;
  auth:shared 0;
  auth:open 0;
  cookie:open $cache_undated;
  cookie:nothing $cache_undated;
  ~:never$ 1;
  ~^auth: 1;
}
map $upstream_http_set_cookie $cache_personal${suffix} {
  "" $cache_denied${suffix};
  default 1;
}
map $upstream_http_content_type $cache_refused${suffix} {
  default $cache_personal${suffix};
  ~*^text/event-stream 1;
}`;
}

/**
 * The variables of a location with a cache: whom its entries are for, and that an answer is not kept; and whether it has
 * a time to live for those that do not say theirs.
 */
export interface CacheVariables {
  who: string;
  refused: string;
  timed: boolean;
}

/** Those of the location with that index; null where there is no cache. */
export function cacheVariables(config: Config, index: number): CacheVariables | null {
  const one = cached(config, index);
  if (!one) return null;
  const timed = one.ttl_s > 0;
  return one.cookies
    ? { who: 'cache_anybody', refused: 'cache_refused_anybody', timed }
    : { who: 'cache_who', refused: 'cache_refused', timed };
}

/** The directives of the location with that index. */
export function cacheDirectives(config: Config, index: number): string[] {
  const one = cached(config, index);
  const variables = cacheVariables(config, index);
  if (!one || !variables) return [];
  const { who, refused } = variables;
  return [
    'proxy_cache cache;',
    // The host and the scheme as the backend is told them, and what else it may make links of.
    `proxy_cache_key "${servingTier(config)} $${who}$cache_changed $forwarded_proto $backend_host$request_uri $cache_told";`,
    ...(one.ttl_s > 0 ? [`proxy_cache_valid ${USUAL.join(' ')} ${one.ttl_s}s;`] : []),
    'proxy_cache_bypass $http_upgrade $cache_body $cache_skip;',
    `proxy_no_cache $http_upgrade $cache_body $cache_partial $${refused};`,
    ...Object.keys(CONDITIONS).map((name) => `proxy_set_header ${name} $cache_${variable(name)};`),
    ...TOLD.map((name) => `proxy_set_header ${name} $http_${variable(name)};`),
    ...OVERRIDES.map((name) => `proxy_set_header ${name} $cache_${variable(name)};`),
    'proxy_cache_lock on;',
    'proxy_cache_revalidate on;',
    ...stale(config.cache.stale),
    'proxy_hide_header X-Cache;',
    'proxy_hide_header Age;',
    'add_header X-Cache $upstream_cache_status always;',
    'add_header Age $cache_age always;',
  ];
}

/** In the background: for stale-while-revalidate (RFC 5861), and with `updating` always. */
function stale(when: Config['cache']['stale']): string[] {
  if (when === 'off') return ['proxy_cache_use_stale off;'];
  const errors = 'error timeout invalid_header http_500 http_502 http_503 http_504';
  const updating = when === 'updating' ? ' updating' : '';
  return [`proxy_cache_use_stale ${errors}${updating};`, 'proxy_cache_background_update on;'];
}
