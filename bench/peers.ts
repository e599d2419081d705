/** The proxies that are compared, all started, each on the gateway's core. */
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scores } from '../config/mode.ts';
import type { Config, Overrides } from '../config/schema.ts';
import { cpuSeconds } from './cpu.ts';
import { haproxyConf } from './haproxy.ts';
import { emptyLuaConf, plainConf } from './plain.ts';
import { GATEWAY_CORE, PORTS, type Stand } from './stand.ts';
import { root } from '../config/paths.ts';

export type PeerName = 'nginx' | 'empty Lua' | 'HAProxy' | 'Scoregate' | 'original';

export interface Peer {
  name: string;
  port: number;
  pid: number;
  /** Processor seconds that it has used so far. */
  cpu: () => number;
  /** Empties its access log, which would fill the disk. */
  emptyLog: () => void;
  /** Of Scoregate and of the original design: the configuration that it shares with its scorer. */
  config?: Config;
}

/** Starts the named ones; Scoregate, unless its mode is off, and the original design have a scorer and a Redis of their own. */
export async function startPeers(stand: Stand, names: readonly PeerName[]): Promise<Map<PeerName, Peer>> {
  const start: Record<PeerName, (stand: Stand) => Promise<Peer>> = {
    nginx: (at) => startPlain(at),
    'empty Lua': (at) =>
      startPlain(at, { name: 'empty Lua', port: PORTS.spare, change: emptyLuaConf, lua: true }),
    HAProxy: (at) => startHaproxy(at),
    Scoregate: (at) => startScoregate(at),
    original: startOriginal,
  };
  const peers = new Map<PeerName, Peer>();
  for (const name of names) peers.set(name, await start[name](stand));
  return peers;
}

function peer(name: string, port: number, pid: number | undefined, log: string, config?: Config): Peer {
  if (pid === undefined) throw new Error(`${name} has no process`);
  const cpu = (): number => cpuSeconds(pid);
  return { name, port, pid, cpu, emptyLog: () => truncateSync(log), ...(config ? { config } : {}) };
}

/** What a proxy is started with, where it is not the default. */
export interface Setup {
  /** Its name, and its folder's. */
  name?: string;
  port?: number;
  /** Laid over the configuration of the stand. */
  overrides?: Overrides;
  /** What is made of the rendered nginx.conf. */
  change?: (rendered: string) => string;
  /** Whether it needs the Lua module; default false. */
  lua?: boolean;
}

/** Plain nginx: `change` makes it of Scoregate's rendering. */
export async function startPlain(
  stand: Stand,
  { name = 'nginx', port = PORTS.nginx, overrides = {}, change = plainConf, lua = false }: Setup = {},
): Promise<Peer> {
  const folder = stand.subfolder(name.replaceAll(/\W+/g, '-'));
  const config = stand.config(folder, port, overrides);
  const part = await stand.gateway(`plain ${name}`, config, folder, { change, lua });
  return peer(name, port, part.process?.pid, config.logs.access);
}

/** HAProxy, with the text of its configuration. */
export async function startHaproxy(stand: Stand, text = haproxyConf(PORTS.haproxy)): Promise<Peer> {
  const folder = stand.subfolder('haproxy');
  const [file, log] = [join(folder, 'haproxy.cfg'), join(folder, 'access.log')];
  writeFileSync(file, text);
  const words = ['sh', '-c', 'exec haproxy -db -f "$0" >> "$1"', file, log];
  const part = await stand.start('HAProxy', [...GATEWAY_CORE, ...words], PORTS.haproxy);
  return peer('HAProxy', PORTS.haproxy, part.process?.pid, log);
}

/** Scoregate, with a scorer and a Redis where its mode needs them. */
export async function startScoregate(
  stand: Stand,
  { name = 'Scoregate', port = PORTS.scoregate, overrides = {}, change }: Setup = {},
): Promise<Peer> {
  const folder = stand.subfolder(name.replaceAll(/\W+/g, '-'));
  const config = stand.config(folder, port, overrides);
  const part = await stand.gateway(name, config, folder, change ? { change } : {});
  if (scores(config)) await stand.scorer(config, folder);
  return peer(name, port, part.process?.pid, config.logs.access, config);
}

async function startOriginal(stand: Stand): Promise<Peer> {
  const folder = stand.subfolder('original');
  const config = stand.config(folder, PORTS.original);
  await stand.scorer(config, folder);
  const script = join(root, 'bench/original.lua');
  const change = (rendered: string): string =>
    rendered
      .replace(/^ *(?:init_by_lua_block|init_worker_by_lua_block|log_by_lua_block) .*\n/gm, '')
      .replace(
        /^( *)access_by_lua_block .*scoregate\.gateway.*$/m,
        `$1set $bench_scorer ${PORTS.original + 2};\n$1access_by_lua_file "${script}";`,
      )
      .replace(/content_by_lua_block .*$/gm, 'return 404;');
  const part = await stand.gateway('the original design', config, folder, { change });
  return peer('original', PORTS.original, part.process?.pid, config.logs.access, config);
}
