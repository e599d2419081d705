// Finds Docker and Compose: `docker compose` (version 2), else docker-compose (1.29).
import { spawnSync } from 'node:child_process';
import { which } from './find.mjs';

const HOW = 'install Docker with its compose plugin (https://docs.docker.com/engine/install/)';

/**
 * How Compose is called, or why it cannot be: what is missing, and what to do.
 * @returns {{ command: string[], missing: null } | { command: null, missing: string }}
 */
export function findCompose() {
  if (!which('docker')) return { command: null, missing: `there is no docker command; ${HOW}` };
  const command = composeCommand();
  if (!command) {
    return { command, missing: `there is neither \`docker compose\` nor docker-compose; ${HOW}` };
  }
  const { status, stderr, error } = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  if (status === 0) return { command, missing: null };
  const why = error?.message ?? stderr.trim().split('\n')[0];
  const fix = 'start it (systemctl start docker), and be root or in the group docker';
  return { command: null, missing: `no Docker daemon answers (${why}); ${fix}` };
}

/** @returns {string[] | null} */
function composeCommand() {
  if (spawnSync('docker', ['compose', 'version'], { stdio: 'ignore' }).status === 0)
    return ['docker', 'compose'];
  return which('docker-compose') ? ['docker-compose'] : null;
}
