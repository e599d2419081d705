/** Renders a configuration somewhere else and lets nginx itself check it, so that a bad one changes nothing. */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { render } from '../config/render.ts';
import type { Config } from '../config/schema.ts';
import { nginxArguments, type Surroundings } from './parts.ts';

/** What nginx finds wrong with this configuration; null when nothing. The run folder must hold a secret. */
export function nginxProblem(config: Config, { run, nginx, user }: Surroundings): string | null {
  const folder = join(run, 'tryout');
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
