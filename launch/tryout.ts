/** Renders a configuration somewhere else and lets nginx and the scorer check it, so that a bad one changes nothing. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readByWorkers } from '../config/nginx_backend.ts';
import { root } from '../config/paths.ts';
import { render } from '../config/render.ts';
import type { Config } from '../config/schema.ts';
import { nginxArguments, scorerPart, writeEffectiveConfig, type Surroundings } from './parts.ts';
import { unreadable } from './user.ts';

/** What nginx finds wrong with this configuration; null when nothing. The run folder must hold a secret. */
export function nginxProblem(config: Config, { run, nginx, user }: Surroundings): string | null {
  const folder = join(run, 'tryout');
  const read = readByWorkers(config, run);
  const unread = user && read.length > 0 ? unreadable(user, read) : null;
  if (user && unread) {
    return `its workers, user ${user.name}, cannot read ${unread}, by which https:// backends are checked; let everybody read it`;
  }
  try {
    const { nginxConf } = render(config, run, { nginx, user, folder, stdout: false });
    const args = ['-t', '-q', ...nginxArguments(nginx, run, nginxConf)];
    const { status, stderr, error } = spawnSync(nginx.path, args, { encoding: 'utf8', timeout: 20_000 });
    if (status === 0) return null;
    return error ? error.message : stderr.trim();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Why the scorer would not start with this configuration: above all, its model. Null when it would. */
export async function scorerProblem(
  config: Config,
  { run, user }: Pick<Surroundings, 'run' | 'user'>,
): Promise<string | null> {
  const folder = join(run, 'tryout');
  const part = scorerPart(config, { run: folder });
  if (!part) return null;
  mkdirSync(folder, { recursive: true });
  writeEffectiveConfig(config, folder, user);
  const as = user ? { uid: user.uid, gid: user.gid } : {};
  const how = { cwd: root, timeout: 20_000, ...as };
  return new Promise((resolve) => {
    execFile(part.command, [...part.args, '--check'], how, (error, _, stderr) => {
      rmSync(folder, { recursive: true, force: true });
      resolve(error && (stderr.trim().replace(/^scorer: /, '') || error.message));
    });
  });
}
