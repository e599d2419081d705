/**
 * nginx.conf for a configuration, as text. Every directive that is not nginx's default says why it is there.
 * The Lua modules set $tier, $score, $origin, $wait_ms and, when observing, $tier_would; what a map gives
 * (nginx_verdict.ts) is what they mean when Lua leaves them alone.
 */
import { join } from 'node:path';
import { memoryBytes } from './formats.ts';
import { resolver } from './gateway.ts';
import { accessTrees } from './nginx_access.ts';
import { adminServer } from './nginx_admin.ts';
import { backendMaps, checkTls } from './nginx_backend.ts';
import { cacheZone, caches } from './nginx_cache.ts';
import { compression } from './nginx_compression.ts';
import { errorLog, logFormat, logs, logsDetails } from './nginx_log.ts';
import { pathModule } from './nginx_lua.ts';
import { indent, quoted, type Place } from './nginx_place.ts';
import { upstream } from './nginx_pool.ts';
import { forwarded, realip, scoreHeader } from './nginx_proxy.ts';
import { publicServers } from './nginx_server.ts';
import { tlsSettings } from './nginx_tls.ts';
import { verdictMaps } from './nginx_verdict.ts';
import { root } from './paths.ts';
import type { Config } from './schema.ts';

/** The text of nginx.conf. */
export function nginxConf(config: Config, place: Place): string {
  const shared = [
    basics(config, place),
    lua(config, place),
    ...resolver(config, place),
    ...checkTls(config, place),
    realip(config),
    forwarded(config),
    scoreHeader(config),
    verdictMaps(config),
    accessTrees(config),
    backendMaps(config),
    cacheZone(config, place),
    tlsSettings(config),
    compression(config),
    logFormat(config, place),
    logs(config, place),
  ];
  const upstreams = config.tiers.map((_, index) => upstream(config, index, place.openFiles));
  const servers = [...publicServers(config, place), adminServer(config, place)];
  return `# Rendered from scoregate.yaml by config/nginx.ts at every start and reload: a change made here is lost.
${main(config, place)}
http {
${indent([...shared.filter((part) => part !== ''), ...upstreams, ...servers].join('\n'))}
}
`;
}

function main(config: Config, place: Place): string {
  const files = Math.min(65536, place.openFiles);
  return `${place.user === null ? '' : `user ${place.user};\n`}worker_processes ${place.workers};
worker_rlimit_nofile ${files};
# A connection that outlives a reload keeps its old worker; without an end, every reload could leave one behind.
worker_shutdown_timeout 600s;
pid ${quoted(join(place.run, 'nginx.pid'))};
${errorLogs(config, place).join('\n')}
env ${quoted(`SCOREGATE_GATEWAY=${join(place.folder, 'gateway.json')}`)};
pcre_jit on;
events {
  worker_connections ${Math.min(16384, Math.floor(files / 2))};
}`;
}

/** What happened once is said on standard error, whatever file it is in too. */
function errorLogs(config: Config, place: Place): string[] {
  return [...new Set([errorLog(config, place), 'error_log stderr warn;'])];
}

function basics({ limits }: Config, place: Place): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `default_type application/octet-stream;
server_tokens off;
tcp_nodelay on;
keepalive_timeout 75s;
# nginx closes a connection after 1,000 requests by default, at which a client may lose one in flight.
keepalive_requests 100000;
# A body goes to a backend when it is whole: until then it is on this disk.
client_max_body_size ${memoryBytes(limits.body)};
# A request with what Lua reads and the log line needs more than the 4k of the default: a second block each time.
request_pool_size 8k;
client_body_buffer_size 128k;
# A request that nginx itself refuses (400) never reaches the \`set\` lines.
uninitialized_variable_warn off;
variables_hash_max_size 2048;
${temporary.map((name) => `${name}_temp_path ${quoted(join(place.run, 'tmp', name))};`).join('\n')}`;
}

function lua(config: Config, place: Place): string {
  for (const path of [root, ...place.luaFolders]) quoted(path);
  const paths = [join(root, 'lua'), ...place.luaFolders].map((folder) => `${folder}/?.lua`);
  const initPaths = place.luaFolders.map((folder) => `${folder}/?/init.lua`);
  const more = [...(caches(config) ? ['cache'] : []), ...(logsDetails(config) ? ['details'] : [])].map(
    (module) => ` require("scoregate.${module}")`,
  );
  const path = `require("scoregate.${pathModule(config)}")`;
  const libraries = place.luaLibraries === null ? '' : `\nlua_package_cpath "${place.luaLibraries}/?.so;;";`;
  return `lua_package_path "${[...paths, ...initPaths].join(';')};;";${libraries}
lua_code_cache on;
# Every 1,000 requests it would give all free memory back to the kernel, and then fault it in again.
lua_malloc_trim 0;
# The gateway says itself, once, that the scorer does not answer; nginx would say so for each connection.
lua_socket_log_errors off;
# Each check of a backend is one, and of each of 256 several may be under way. What is too many is dropped: the one that
# begins the checks too, and then nobody checks any more.
lua_max_running_timers 2048;
# Holds the address of the shared memory across reloads, and reports that an ending worker leaves behind: of about
# 200,000 clients, when limits are changed while the scorer is down. Of one size always: nginx would begin a new one.
lua_shared_dict scoregate 32m;
init_by_lua_block { ${path}.init()${more.join('')} }
init_worker_by_lua_block { ${path}.init_worker() }`;
}
