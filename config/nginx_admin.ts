/** The admin server's part of nginx.conf. */
import { isIP } from 'node:net';
import { endpoint } from './formats.ts';
import { errorLog } from './nginx_log.ts';
import type { Place } from './nginx_place.ts';
import { anyLive } from './pool.ts';
import type { Config } from './schema.ts';

/** Metrics and status: for programs on this machine, so neither other addresses nor web pages get an answer. */
export function adminServer(config: Config, place: Place): string {
  const admin = endpoint(config.admin);
  if (!admin) throw new Error(`admin is not HOST:PORT: ${config.admin}`);
  const host = isIP(admin.host) === 6 ? `[${admin.host}]` : admin.host;
  const names = [...new Set(['localhost', '127.0.0.1', '[::1]', host])].map((name) => `"${name}"`);
  const content = `content_by_lua_block { require("scoregate.metrics").serve() }`;
  return `server {
  # A foreign Host is a web page that has pointed its name at this machine (DNS rebinding).
  listen ${host}:${admin.port} default_server;
  server_name "";
  access_log off;
  return 403;
}
server {
  listen ${host}:${admin.port};
  server_name ${names.join(' ')};
  access_log off;
  ${errorLog(config, place)}
${peerOnly(config)}  allow 127.0.0.0/8;
  allow ::1;
  deny all;
  if ($http_origin) {
    return 403;
  }
  location = /metrics {
    ${content}
  }
  location = /status {
    ${content}
  }
${changes(config)}  location / {
    return 404;
  }
}`;
}

/** A trusted proxy speaks for clients of the site only; here it could say that it is this machine. */
const peerOnly = ({ trusted_proxies }: Config): string =>
  trusted_proxies.length > 0 ? '  set_real_ip_from unix:;\n' : '';

/** Where pools are changed (npm run pool). */
const changes = (config: Config): string =>
  anyLive(config)
    ? `  location /pool/ {
    content_by_lua_block { require("scoregate.pool.change").serve() }
  }
`
    : '';
