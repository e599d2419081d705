/** Whether a port is free, and who holds it when it is not. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';

export interface Listener {
  /** What would listen there, and the key of scoregate.yaml that says so. */
  name: string;
  key: string;
  host: string;
  port: number;
}

/** Why this address cannot be listened on, with what to do about it; null when it can. */
export async function portProblem({ name, key, host, port }: Listener): Promise<string | null> {
  const code = await tryToListen(host, port);
  if (code === null) return null;
  const what = `port ${port} (${name})`;
  if (code === 'EADDRINUSE') {
    return `${what} is in use by ${holder(port)}; end that, or change ${key} in scoregate.yaml`;
  }
  if (code === 'EACCES') return `${what} needs root; start as root, or change ${key} in scoregate.yaml`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `${what}: this machine has no address ${host}; change ${key} in scoregate.yaml`;
  }
  return `${what} cannot be used (${code}); change ${key} in scoregate.yaml`;
}

function tryToListen(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** `redis-server (process 123)`, or what can be said when the system hides it. */
export function holder(port: number): string {
  const inodes = listeningInodes(port);
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (holds(pid, inodes)) return `${commandOf(pid)} (process ${pid})`;
  }
  return 'a process of another user (as root, ss -ltnp names it)';
}

function listeningInodes(port: number): Set<string> {
  const inodes = new Set<string>();
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of read(file).split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      // proc(5): field 1 is the local address:port, 3 the state (0A is LISTEN), 9 the socket's inode.
      if (fields[3] === '0A' && fields[1]?.endsWith(`:${wanted}`) && fields[9]) inodes.add(fields[9]);
    }
  }
  return inodes;
}

function holds(pid: string, inodes: Set<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const target = link(`/proc/${pid}/fd/${fd}`);
      return target.startsWith('socket:[') && inodes.has(target.slice(8, -1));
    });
  } catch {
    return false;
  }
}

/** The program and its first words, without control characters. */
function commandOf(pid: string): string {
  const words = read(`/proc/${pid}/cmdline`).split('\0').filter(Boolean).slice(0, 4).join(' ');
  return (words || read(`/proc/${pid}/comm`).trim()).replace(/[^\x20-\x7e]/g, '?').slice(0, 80);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Where to connect to reach what listens on `host`. */
export function reachable(host: string): string {
  return host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
}

/** Whether something accepts connections there. */
export function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: reachable(host), port, timeout: 1000 });
    const answer = (value: boolean): void => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', () => answer(true));
    socket.once('timeout', () => answer(false));
    socket.once('error', () => answer(false));
  });
}
