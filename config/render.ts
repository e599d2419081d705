/** Renders a configuration into a folder: nginx.conf and gateway.json, and the folders that nginx needs. */
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { atLeast, luaLibraryFolder, type Nginx } from '../launch/find.mjs';
import { gatewayJson } from './gateway.ts';
import { POOLS_FOLDER } from './gateway_pools.ts';
import { nginxConf } from './nginx.ts';
import type { Place } from './nginx_place.ts';
import { configuredPath } from './paths.ts';
import type { Config } from './schema.ts';

/** Debian's, the gateway's image too; Red Hat's; Alpine's. */
const SYSTEM_CA = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
] as const;

export interface RenderOptions {
  /** The nginx that will read the rendering. */
  nginx: Nginx;
  /** The user of nginx's workers, when its master is root: name, uid and gid. */
  user?: { name: string; uid: number; gid: number } | null;
  /** Whether /dev/stdout can be opened; default true. */
  stdout?: boolean;
  /** Write the two files here instead of into the run folder: a rendering to try out. */
  folder?: string;
  /** The file of the secret; default `secret` in the run folder. */
  secret?: string;
}

export interface Rendering {
  nginxConf: string;
  gatewayJson: string;
}

/** The two texts, with nothing written. */
export function renderTexts(config: Config, run: string, options: RenderOptions): Rendering {
  const place: Place = {
    run,
    folder: options.folder ?? run,
    secret: options.secret ?? join(run, 'secret'),
    luaFolders: options.nginx.luaFolders,
    luaLibraries: options.nginx.openresty ? null : luaLibraryFolder(),
    user: options.user?.name ?? null,
    stdout: options.stdout ?? true,
    openFiles: openFiles(),
    start: randomBytes(4).toString('hex'),
    workers: config.workers === 'auto' ? Math.min(64, availableParallelism()) : config.workers,
    http2Directive: atLeast(options.nginx, 1, 25, 1),
    systemCa: SYSTEM_CA.find((file) => existsSync(file)) ?? SYSTEM_CA[0],
    nameServers: nameServers(),
  };
  return { nginxConf: nginxConf(config, place), gatewayJson: gatewayJson(config, place) };
}

/** Writes nginx.conf and gateway.json and makes the run folder's subfolders and the folders of the logs. */
export function render(config: Config, run: string, options: RenderOptions): Rendering {
  const texts = renderTexts(config, run, options);
  const folder = options.folder ?? run;
  // nginx makes the folders below tmp as root and hands them over; the one above must let its workers through.
  for (const name of ['tmp', POOLS_FOLDER]) {
    mkdirSync(join(run, name), { recursive: true });
    if (options.user) chownSync(join(run, name), options.user.uid, options.user.gid);
  }
  for (const log of [config.logs.error, config.logs.access]) {
    if (log !== 'off' && log !== 'stderr') mkdirSync(dirname(configuredPath(log, run)), { recursive: true });
  }
  return write(texts, folder);
}

/** Writes the two files, each by renaming, so that nginx never reads half a file. Answers the two paths. */
export function write(texts: Rendering, folder: string): Rendering {
  mkdirSync(folder, { recursive: true });
  const paths = { nginxConf: join(folder, 'nginx.conf'), gatewayJson: join(folder, 'gateway.json') };
  replace(paths.gatewayJson, texts.gatewayJson);
  replace(paths.nginxConf, texts.nginxConf);
  return paths;
}

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** How many files a process may open at most (the hard limit, which nginx may raise its own to). */
function openFiles(): number {
  try {
    const hard = /^Max open files +\S+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return hard === undefined ? 65536 : Number(hard);
  } catch {
    return 1024;
  }
}

/** The name servers of resolv.conf(5); one with a zone (fe80::1%eth0) nginx cannot ask. */
function nameServers(): string[] {
  try {
    const found = readFileSync('/etc/resolv.conf', 'utf8').matchAll(/^nameserver\s+(\S+)/gm);
    return [...found]
      .map((one) => one[1] ?? '')
      .filter((address) => isIP(address) !== 0 && !address.includes('%'));
  } catch {
    return [];
  }
}
