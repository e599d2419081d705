/**
 * Plain nginx as a fair peer of Scoregate: its configuration is Scoregate's own rendering, less the Lua and what only
 * Lua needs, so that everything else (connections, headers to the backend, realip, log) is the same text.
 */

/** Directives that are about Lua: each is one line of the rendering. */
const LUA = /^ *(?:lua_\w+|env|\w+_by_lua_block) .*\n/gm;

/** The variables of a verdict, and the maps that make them, or make them fit for a log line or a header. */
const VERDICT =
  /^ *set \$\w+ .*;\n|^ *map "" \$(?:tier|score|origin|wait_ms|tier_would) [^}]*\}\n|^ *map \S+ \$(?:verdict_has_indexes|score_known) [^}]*\}\n/gm;

/** What only Lua knows of the cache: the age of an answer, a target whose answers are not kept, and one that was changed. */
const CACHE =
  /^ *map (?:\S+ \$cache_(?:age|date|skip|changed|variables_have_indexes)|\$cache_skip \S+) [^}]*\}\n|^ *(?:(?:add|proxy_hide)_header Age|proxy_set_header (?:If-|Range)).*\n/gm;

/** What the log says in the fields that only a verdict could fill, so that a line is as long. */
const CONSTANTS: Record<string, string> = {
  $score: '0.991',
  $origin: 'leased',
  $wait_ms: '0',
  $tier_would: '',
};

/** nginx.conf of a plain proxy to one tier, from a rendered nginx.conf of Scoregate. */
export function plainConf(rendered: string, tier = 'slow'): string {
  const withoutLua = rendered
    .replace(LUA, '')
    .replace(VERDICT, '')
    .replace(CACHE, '')
    .replaceAll(' $cache_skip;', ';')
    .replaceAll('$cache_changed', '');
  const logged = withoutLua.replace(/^ *log_format .*$/m, (line) =>
    line.replace(/"(\$\w+)"|(\$\w+)/g, (all, quoted?: string, bare?: string) => {
      const constant = CONSTANTS[quoted ?? bare ?? ''];
      return constant === undefined ? all : quoted === undefined ? constant : `"${constant}"`;
    }),
  );
  const routed = logged.replaceAll(/\$tier\b/g, tier);
  if (
    /_by_lua|\blua_|\$(?:score|wait_ms|cache_(?:age|date|skip|changed))\b/.test(
      routed.replace(/^ *#.*$/gm, ''),
    )
  ) {
    throw new Error(
      'bench/plain.ts: the rendering of nginx.conf has something of a verdict that is not known here',
    );
  }
  return routed;
}

/**
 * The least that routing by Lua can be: the same with an access and a log phase that do nothing, and the upstream by
 * variable; less what Lua's memory would cost by default, as in Scoregate. What Scoregate takes beyond that is its own.
 */
export function emptyLuaConf(rendered: string, tier = 'slow'): string {
  return plainConf(rendered, tier)
    .replace(/^http \{$/m, `http {\n  lua_malloc_trim 0;\n  map "" $empty_tier {\n    default ${tier};\n  }`)
    .replaceAll(
      /^( *)proxy_pass http:\/\/\S+;$/gm,
      '$1access_by_lua_block { }\n$1log_by_lua_block { }\n$1proxy_pass http://$empty_tier;',
    );
}

/** The same as people write it, who keep no files of the cache open: its documentation does not say so. */
export const usualConf = (rendered: string, tier: string): string =>
  plainConf(rendered, tier).replace(/^ *open_file_cache .*\n/m, '');

/** The least that a proxy can be, to compare with: no realip, no maps, nginx's own log format. */
export function minimalConf(folder: string, port: number, backend: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `pid "${folder}/nginx.pid";
error_log "${folder}/error.log" warn;
events { worker_connections 4096; }
http {
  ${temporary.map((name) => `${name}_temp_path "${folder}/tmp/${name}";`).join('\n  ')}
  access_log "${folder}/access.log" combined buffer=64k flush=1s;
  keepalive_requests 100000;
  upstream backend { server 127.0.0.1:${backend}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`;
}
