/** The four proxies that are compared, all started, each on the gateway's core. */
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { cpuSeconds } from './cpu.ts';
import { haproxyConf } from './haproxy.ts';
import { plainConf } from './plain.ts';
import { GATEWAY_CORE, PORTS, type Stand } from './stand.ts';
import { root } from '../config/paths.ts';

export type PeerName = 'nginx' | 'HAProxy' | 'Scoregate' | 'original';

export interface Peer {
  name: PeerName;
  port: number;
  pid: number;
  /** Processor seconds that it has used so far. */
  cpu: () => number;
  /** Empties its access log, which would fill the disk. */
  emptyLog: () => void;
  /** Of Scoregate and of the original design: the configuration that it shares with its scorer. */
  config?: Config;
}

/** Starts the named ones; Scoregate and the original design have a scorer and a Redis of their own. */
export async function startPeers(stand: Stand, names: readonly PeerName[]): Promise<Map<PeerName, Peer>> {
  const start: Record<PeerName, (stand: Stand) => Promise<Peer>> = {
    nginx: startPlain,
    HAProxy: startHaproxy,
    Scoregate: startScoregate,
    original: startOriginal,
  };
  const peers = new Map<PeerName, Peer>();
  for (const name of names) peers.set(name, await start[name](stand));
  return peers;
}

function peer(name: PeerName, port: number, pid: number | undefined, log: string, config?: Config): Peer {
  if (pid === undefined) throw new Error(`${name} has no process`);
  const cpu = (): number => cpuSeconds(pid);
  return { name, port, pid, cpu, emptyLog: () => truncateSync(log), ...(config ? { config } : {}) };
}

async function startPlain(stand: Stand): Promise<Peer> {
  const folder = stand.subfolder('nginx');
  const config = stand.config(folder, PORTS.nginx);
  const part = await stand.gateway('plain nginx', config, folder, { change: plainConf, lua: false });
  return peer('nginx', PORTS.nginx, part.process?.pid, config.logs.access);
}

async function startHaproxy(stand: Stand): Promise<Peer> {
  const folder = stand.subfolder('haproxy');
  const [file, log] = [join(folder, 'haproxy.cfg'), join(folder, 'access.log')];
  writeFileSync(file, haproxyConf(PORTS.haproxy));
  const words = ['sh', '-c', 'exec haproxy -db -f "$0" >> "$1"', file, log];
  const part = await stand.start('HAProxy', [...GATEWAY_CORE, ...words], PORTS.haproxy);
  return peer('HAProxy', PORTS.haproxy, part.process?.pid, log);
}

export async function startScoregate(stand: Stand): Promise<Peer> {
  const folder = stand.subfolder('scoregate');
  const config = stand.config(folder, PORTS.scoregate);
  const part = await stand.gateway('Scoregate', config, folder);
  await stand.scorer(config, folder);
  return peer('Scoregate', PORTS.scoregate, part.process?.pid, config.logs.access, config);
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
        /^( *)access_by_lua_block .*$/m,
        `$1set $bench_scorer ${PORTS.original + 2};\n$1access_by_lua_file "${script}";`,
      )
      .replace(/content_by_lua_block .*$/gm, 'return 404;');
  const part = await stand.gateway('the original design', config, folder, { change });
  return peer('original', PORTS.original, part.process?.pid, config.logs.access, config);
}
