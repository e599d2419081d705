/** The processes that a configuration asks for: what to run, where it listens, how to tell that it is ready. */
import { chownSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { backendsOf, known } from '../config/pool.ts';
import { endpoint, isLoopback, redisAddress, type Endpoint } from '../config/formats.ts';
import { hasTls } from '../config/nginx_tls.ts';
import { scores } from '../config/mode.ts';
import { configuredPath, root } from '../config/paths.ts';
import type { Config } from '../config/schema.ts';
import { atLeast, findRedis, type Nginx } from './find.mjs';
import { accepts, reachable, type Listener } from './ports.ts';
import { writeRedisConf } from './redis_conf.ts';
import type { User } from './user.ts';

/** One process to run. */
export interface PartSpec {
  name: string;
  command: string;
  args: string[];
  /** Runs unprivileged when we are root. */
  unprivileged: boolean;
  listens: Listener[];
  ready: () => Promise<boolean>;
  /** The signal that ends it in good order. */
  quit: NodeJS.Signals;
}

/** What the processes must know beside the configuration. */
export interface Surroundings {
  run: string;
  nginx: Nginx;
  user: User | null;
}

/** The file that the scorer reads: the configuration in force, options of the command line included. */
export const effectiveConfig = (run: string): string => join(run, 'scoregate.yaml');

/** Writes that file, for the user of the scorer only: it may hold a password of Redis. */
export function writeEffectiveConfig(config: Config, run: string, user: User | null): void {
  const file = effectiveConfig(run);
  const note = '# The configuration in force, as it was read at the start; change the original, not this.\n';
  writeFileSync(file, note + stringify(config), { mode: 0o600 });
  if (user) chownSync(file, user.uid, user.gid);
}

const node = ['--import', 'tsx'];

/** Redis; null if it is not ours, or nobody is counted. */
export function redisPart(config: Config, { run, user }: Surroundings): PartSpec | null {
  const address = redisAddress(config.redis);
  if (!address || !config.redis_start || !scores(config)) return null;
  const folder = join(run, 'redis');
  const file = join(folder, 'redis.conf');
  writeRedisConf(file, config, address, [
    `bind ${address.host === 'localhost' ? '127.0.0.1' : address.host}`,
    `dir "${folder}"`,
    `logfile "${join(folder, 'redis.log')}"`,
  ]);
  if (user) for (const path of [folder, file]) chownSync(path, user.uid, user.gid);
  return {
    name: 'Redis',
    command: findRedis() ?? 'redis-server',
    args: [file],
    unprivileged: true,
    listens: [{ name: 'Redis', key: 'redis', host: address.host, port: address.port }],
    // -NOAUTH is an answer too; while it loads, or is not there yet, there is none or -LOADING.
    ready: async () => /^(\+PONG|-NOAUTH)/.test(await ask(address.host, address.port, 'PING\r\n')),
    quit: 'SIGTERM',
  };
}

/** The demo application, once for each distinct backend address on loopback. */
export function backendParts(config: Config, run: string): PartSpec[] {
  if (!config.demo_backends) return [];
  const names = new Map<string, string>();
  for (const tier of config.tiers) {
    const backends = backendsOf(tier);
    backends.forEach(({ address: backend }, i) => {
      const name = backends.length > 1 ? `${tier.name}-${i + 1}` : tier.name;
      if (!names.has(backend)) names.set(backend, name);
    });
  }
  return [...names].flatMap(([backend, name]) => {
    const at = known(backend);
    // The demo application speaks no TLS.
    return !at.tls && isLoopback(at.host) ? [backendPart(name, at, logOptions(config, run, name))] : [];
  });
}

/** The folder of the demo backends' logs; null for none. */
export const backendLogs = ({ logs }: Config, run: string): string | null =>
  logs.backends === 'off' ? null : configuredPath(logs.backends, run);

function logOptions(config: Config, run: string, name: string): string[] {
  const folder = backendLogs(config, run);
  const file = folder === null ? [] : ['--log-file', join(folder, `${name}.log`)];
  return [...(config.logs.backends_stdout ? ['--log'] : []), ...file];
}

function backendPart(name: string, { host, port }: Endpoint, more: readonly string[]): PartSpec {
  const address = ['--port', String(port), '--host', host, '--name', name];
  return {
    name: `backend ${name}`,
    command: process.execPath,
    args: [...node, join(root, 'backends/server.ts'), ...address, ...more],
    unprivileged: true,
    listens: [{ name: `backend ${name}`, key: 'tiers', host, port }],
    ready: () => healthy(host, port),
    quit: 'SIGTERM',
  };
}

/** The scorer; null in mode off. */
export function scorerPart(config: Config, { run }: Pick<Surroundings, 'run'>): PartSpec | null {
  if (!scores(config)) return null;
  const at = endpoint(config.scorer.listen) ?? { host: '127.0.0.1', port: 5000 };
  return {
    name: 'scorer',
    command: process.execPath,
    args: [...node, join(root, 'scorer/server.ts'), '--config', effectiveConfig(run), '--run', run],
    unprivileged: true,
    listens: [{ name: 'scorer', key: 'scorer.listen', ...at }],
    ready: () => healthy(at.host, at.port),
    quit: 'SIGTERM',
  };
}

/** nginx in the foreground. Its master stays root, when it is, to bind ports and to open logs. */
export function gatewayPart(config: Config, { run, nginx }: Surroundings): PartSpec {
  const { address, port } = config.listen;
  const admin = endpoint(config.admin) ?? { host: '127.0.0.1', port: 8090 };
  const secure = { name: 'the gateway with TLS', key: 'tls.port', host: address, port: config.tls.port };
  const listens = [
    { name: 'gateway', key: 'listen.port', host: address, port },
    ...(hasTls(config) ? [secure] : []),
    { name: "the gateway's admin server", key: 'admin', ...admin },
  ];
  return {
    name: 'gateway',
    command: nginx.path,
    args: nginxArguments(nginx, run, join(run, 'nginx.conf'), 'daemon off;'),
    unprivileged: false,
    listens,
    ready: async () => (await Promise.all(listens.map((one) => accepts(one.host, one.port)))).every(Boolean),
    quit: 'SIGQUIT',
  };
}

/** How nginx is called: its folder, its configuration, and the modules that this nginx must be told to load. */
export function nginxArguments(nginx: Nginx, folder: string, file: string, globals = ''): string[] {
  // Before it has read its configuration nginx logs to a place of its own, which need not be writable (-e: 1.19.5).
  const log = atLeast(nginx, 1, 19, 5) ? ['-e', 'stderr'] : [];
  const all = `${nginx.globals} ${globals}`.trim();
  return ['-p', folder, '-c', file, ...log, ...(all === '' ? [] : ['-g', all])];
}

async function healthy(host: string, port: number): Promise<boolean> {
  return /^HTTP\/1\.1 200 /.test(
    await ask(host, port, 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
  );
}

/** What comes first on a new connection after `request`; the empty text when nothing does within a second. */
function ask(host: string, port: number, request: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: reachable(host), port, timeout: 1000 }, () => socket.write(request));
    const answer = (text: string): void => {
      socket.destroy();
      resolve(text);
    };
    socket.once('data', (data) => answer(data.toString('latin1')));
    for (const event of ['timeout', 'error', 'close']) socket.once(event, () => answer(''));
  });
}
