/** Whom the processes run as. Started as root, everything but nginx's master runs as an unprivileged user. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface User {
  name: string;
  uid: number;
  gid: number;
}

const CANDIDATES = ['www-data', 'nobody'];
const ROOT: User = { name: 'root', uid: 0, gid: 0 };

/**
 * The user for the processes: null when this process is not root (everything runs as whoever started it). When
 * the unprivileged user cannot read one of `paths`, the answer is root itself and `warning` says why and what to do.
 */
export function chooseUser(paths: readonly string[]): { user: User | null; warning: string | null } {
  if (process.getuid?.() !== 0) return { user: null, warning: null };
  const user = CANDIDATES.map(lookUp).find((found) => found !== null) ?? null;
  if (!user) {
    return { user: ROOT, warning: `everything runs as root: there is no user ${CANDIDATES.join(' or ')}` };
  }
  const path = unreadable(user, paths);
  if (path === null) return { user, warning: null };
  const fix = 'move the project to a folder that everybody may read, such as /srv/scoregate';
  return { user: ROOT, warning: `everything runs as root: ${user.name} cannot read ${path}; ${fix}` };
}

function lookUp(name: string): User | null {
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [found, , uid, gid] = line.split(':');
    if (found === name) return { name, uid: Number(uid), gid: Number(gid) };
  }
  return null;
}

/** Runs as the user, since nothing else knows what group rights, ACLs and parent folders come to. */
const PROBE = `
const fs = require('node:fs');
for (const path of process.argv.slice(1)) {
  try { fs.accessSync(path, fs.constants.R_OK); } catch { process.stdout.write(path); break; }
}`;

/** The first path that the user cannot read; null when there is none. */
export function unreadable(user: User, paths: readonly string[]): string | null {
  const { uid, gid } = user;
  // What NODE_OPTIONS may name need not be there for that user.
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { status, stdout } = spawnSync(process.execPath, ['-e', PROBE, ...paths], {
    uid,
    gid,
    cwd: '/',
    env,
  });
  if (status !== 0) return process.execPath;
  return stdout.length > 0 ? stdout.toString() : null;
}
