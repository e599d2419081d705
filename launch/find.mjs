// Finds the programs that are not npm packages: an nginx with Lua, and Redis. Plain JavaScript, because it runs
// before the npm packages are there.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

// Debian keeps nginx in /usr/sbin, which is not on the PATH of everybody.
const EXTRA_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/usr/local/bin', '/usr/bin'];

/**
 * The full path of a program, or null.
 * @param {string} name
 * @returns {string | null}
 */
export function which(name) {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...EXTRA_FOLDERS]) {
    const path = join(folder === '' ? '.' : folder, name);
    try {
      accessSync(path, constants.X_OK);
      if (statSync(path).isFile()) return path;
    } catch {
      // not here
    }
  }
  return null;
}

/**
 * An nginx that can run Lua. `globals` are the load_module lines it needs, for `nginx -g`; `luaFolders` are where
 * its Lua libraries are, when it does not know that itself.
 * @typedef {{ path: string, version: number[], openresty: boolean, globals: string, luaFolders: string[] }} Nginx
 */

/**
 * The first nginx with Lua: `nginx` of the PATH (Debian's with libnginx-mod-http-lua, or OpenResty's), else
 * `openresty`, else OpenResty's usual place. Null when there is none.
 * @returns {Nginx | null}
 */
export function findNginx() {
  const candidates = [which('nginx'), which('openresty'), '/usr/local/openresty/nginx/sbin/nginx'];
  for (const path of candidates) {
    const nginx = path && existsSync(path) ? describe(path) : null;
    if (nginx) return nginx;
  }
  return null;
}

/**
 * @param {string} path
 * @returns {Nginx | null}
 */
function describe(path) {
  const { stderr, status } = spawnSync(path, ['-V'], { encoding: 'utf8' });
  if (status !== 0) return null;
  const version = (/^nginx version: \S+\/([\d.]+)/m.exec(stderr)?.[1] ?? '0').split('.').map(Number);
  const openresty = /^nginx version: openresty\//m.test(stderr);
  if (openresty || /ngx_lua|lua-nginx-module/.test(stderr)) {
    return { path, version, openresty, globals: '', luaFolders: openresty ? [] : ['/usr/share/lua/5.1'] };
  }
  const folder = /--modules-path=(\S+)/.exec(stderr)?.[1] ?? '/usr/lib/nginx/modules';
  const modules = ['ndk_http_module.so', 'ngx_http_lua_module.so'].map((name) => join(folder, name));
  if (!modules.every((file) => existsSync(file))) return null;
  const globals = modules.map((file) => `load_module ${file};`).join(' ');
  return { path, version, openresty, globals, luaFolders: ['/usr/share/lua/5.1'] };
}

/**
 * Whether an nginx is of a version or newer.
 * @param {Nginx} nginx
 * @param {number} major
 * @param {number} minor
 * @param {number} patch
 */
export function atLeast(nginx, major, minor, patch) {
  const [a = 0, b = 0, c = 0] = nginx.version;
  return a !== major ? a > major : b !== minor ? b > minor : c >= patch;
}

/** @returns {string | null} */
export function findRedis() {
  return which('redis-server');
}

/** The folder of C libraries for Lua on this machine's kind of processor, as Debian names it. */
export function luaLibraryFolder() {
  /** @type {Record<string, string>} */
  const names = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu', arm: 'arm-linux-gnueabihf' };
  return `/usr/lib/${names[process.arch] ?? process.arch}/lua/5.1`;
}

/**
 * The Lua libraries of the gateway that this nginx would not find.
 * @param {Nginx} nginx
 * @returns {string[]}
 */
export function missingLibraries(nginx) {
  if (nginx.openresty) return [];
  const folder = '/usr/share/lua/5.1';
  const files = [
    join(folder, 'resty/core.lua'),
    join(folder, 'resty/lrucache.lua'),
    join(luaLibraryFolder(), 'cjson.so'),
  ];
  return files.filter((file) => !existsSync(file));
}
