/**
 * What the measurements stand on: processes on ports of their own, in a folder of their own, all ended by stop(). On a
 * machine with two cores or more the gateways have the last one for themselves and everything else has the others.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { root } from '../config/paths.ts';
import { parseConfig } from '../config/read.ts';
import { renderTexts } from '../config/render.ts';
import type { Config, Overrides } from '../config/schema.ts';
import { findNginx, findRedis, which, type Nginx } from '../launch/find.mjs';
import { nginxArguments } from '../launch/parts.ts';
import { chooseUser, type User } from '../launch/user.ts';
import { Part } from '../test/harness/gateway.ts';

/** Each gateway's public port; admin, scorer and Redis are the three after it. The tests have 16000 to 17999. */
export const PORTS = {
  nginx: 18000,
  haproxy: 18004,
  scoregate: 18008,
  original: 18012,
  spare: 18016,
  backends: [18020, 18021, 18022],
  off: 18044,
} as const;

/** The port for TLS of the proxy whose public one is `port`. */
export const tlsPort = (port: number): number => port + 24;

/** Under valgrind nginx needs seconds to start, on a busy machine many. */
const READY_WITHIN_MS = 60_000;

const cores = availableParallelism();
/** What ends a process when this one is gone, however it went: see launch/supervise.ts. */
const WITH_US = which('setpriv') === null ? [] : ['setpriv', '--pdeathsig', 'TERM'];
const pinned = (list: string): string[] => (cores < 2 ? [] : ['taskset', '-c', list]);
/** Words before the command of a process that is to have any core, the gateway's core, or the other ones. */
export const ANY_CORE = WITH_US;
export const GATEWAY_CORE = [...WITH_US, ...pinned(String(cores - 1))];
export const OTHER_CORES = [...WITH_US, ...pinned(cores === 2 ? '0' : `0-${cores - 2}`)];

export interface NginxOptions {
  /** Makes another proxy of the rendered nginx.conf. */
  change?: (rendered: string) => string;
  /** Words to put before the command. */
  before?: string[];
  /** Directives to add. */
  globals?: string;
  /** Whether it needs the Lua module; default true. */
  lua?: boolean;
}

export class Stand {
  /** One folder for all, since nginx's workers are somebody else when its master is root. */
  readonly folder: string;
  readonly nginx: Nginx;
  readonly user: User | null;
  readonly #parts: Part[] = [];
  readonly #others: (() => Promise<void>)[] = [];

  constructor() {
    const nginx = findNginx();
    if (!nginx) throw new Error('no nginx with Lua; run npm test, which installs it');
    this.nginx = nginx;
    this.user = chooseUser([join(root, 'lua/scoregate/gateway.lua')]).user;
    this.folder = mkdtempSync(join(tmpdir(), 'scoregate-bench-'));
    chmodSync(this.folder, 0o755);
  }

  /** Starts a process and remembers to end it. */
  async start(
    name: string,
    command: string[],
    port: number,
    environment?: Record<string, string>,
  ): Promise<Part> {
    const part = new Part(name, command, port, environment);
    this.#parts.push(part);
    await part.start(READY_WITHIN_MS);
    return part;
  }

  /** Remembers to end something that was not started here. */
  also(stop: () => Promise<void>): void {
    this.#others.push(stop);
  }

  /** A folder for one process, with the subfolder that nginx needs. */
  subfolder(name: string): string {
    const path = join(this.folder, name);
    mkdirSync(join(path, 'tmp'), { recursive: true });
    return path;
  }

  /** A gateway's configuration at `port`, from the defaults of scoregate.yaml: what ships is what is measured. */
  config(folder: string, port: number, overrides: Overrides = {}): Config {
    const names = ['fast', 'standard', 'slow'];
    const base = {
      listen: { port, address: '127.0.0.1' },
      admin: `127.0.0.1:${port + 1}`,
      workers: 1,
      tiers: names.map((name, i) => ({ name, backends: [`127.0.0.1:${PORTS.backends[i]}`] })),
      trusted_proxies: ['127.0.0.1/32'],
      scorer: { listen: `127.0.0.1:${port + 2}` },
      redis: `redis://127.0.0.1:${port + 3}`,
      logs: { access: join(folder, 'access.log'), error: join(folder, 'error.log'), stdout: false },
    };
    return parseConfig(stringify(base), 'bench', overrides);
  }

  /**
   * nginx for a configuration in `folder`, on the gateway's core, with the secret that it and its scorer share.
   */
  async gateway(
    name: string,
    config: Config,
    folder: string,
    { change, before = GATEWAY_CORE, globals = 'daemon off;', lua = true }: NginxOptions = {},
  ): Promise<Part> {
    const texts = renderTexts(config, folder, { nginx: this.nginx, user: this.user, stdout: false });
    const file = join(folder, 'nginx.conf');
    writeFileSync(file, change ? change(texts.nginxConf) : texts.nginxConf);
    writeFileSync(join(folder, 'gateway.json'), texts.gatewayJson);
    writeFileSync(join(folder, 'secret'), 'no secret: everything here is on loopback', { mode: 0o600 });
    const nginx = lua ? this.nginx : { ...this.nginx, globals: '' };
    const words = [nginx.path, ...nginxArguments(nginx, folder, file, globals)];
    return this.start(name, [...before, ...words], config.listen.port);
  }

  /** The scorer and the Redis of a configuration, as they ship. */
  async scorer(config: Config, folder: string): Promise<{ scorer: Part; redis: Part }> {
    const at = config.listen.port;
    const file = join(folder, 'scoregate.yaml');
    writeFileSync(file, stringify(config));
    const redisWords = ['--port', String(at + 3), '--bind', '127.0.0.1', '--save', '', '--dir', folder];
    const redis = await this.start(
      'Redis',
      [...OTHER_CORES, findRedis() ?? 'redis-server', ...redisWords],
      at + 3,
    );
    const node = [process.execPath, '--import', 'tsx', join(root, 'scorer/server.ts')];
    const words = [...OTHER_CORES, ...node, '--config', file, '--run', folder];
    return { redis, scorer: await this.start('scorer', words, at + 2) };
  }

  /** The backend of all: nginx that answers `return 200`, on three ports for three tiers. */
  async backend(): Promise<Part> {
    const folder = this.subfolder('backend');
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    const listens = PORTS.backends.map((port) => `listen 127.0.0.1:${port} backlog=4096;`).join(' ');
    const conf = `worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${folder}/tmp/${name};`).join(' ')}
  keepalive_requests 1000000000;
  server { ${listens} return 200 "hello, world\\n"; }
}
`;
    const file = join(folder, 'nginx.conf');
    writeFileSync(file, conf);
    const words = [this.nginx.path, '-p', folder, '-c', file, '-e', 'stderr', '-g', 'daemon off;'];
    return this.start('backend', [...OTHER_CORES, ...words], PORTS.backends[0]);
  }

  /** Ends every process: what comes next may have their ports and the names of their folders. */
  async clear(): Promise<void> {
    const [others, parts] = [this.#others.splice(0), this.#parts.splice(0)];
    await Promise.all([...others.map((stop) => stop()), ...parts.map((part) => part.end())]);
  }

  /** Ends every process and removes the folder. */
  async stop(): Promise<void> {
    await this.clear();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
