// Installs packages of Debian and Ubuntu, as root, and starts none of their services. Plain JavaScript, because it
// runs before the npm packages are there.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { which } from './find.mjs';
import { endIfInterrupted, isInterrupted, runs, say } from './steps.mjs';

/** @param {string[]} packages */
export async function aptInstall(packages) {
  say(`installing, without starting any service: apt-get install ${packages.join(' ')}`);
  await withoutServices(() => install(packages));
  keepOff(packages);
}

/**
 * Keeps the services of freshly installed packages off at the next boot too: nobody asked for them.
 * @param {string[]} packages
 */
function keepOff(packages) {
  const services = packages.filter((name) => ['nginx', 'redis-server', 'haproxy'].includes(name));
  if (services.length === 0 || !which('systemctl')) return;
  spawnSync('systemctl', ['disable', '--quiet', ...services], { stdio: 'ignore' });
}

/** @param {string[]} packages */
async function install(packages) {
  for (let attempt = 1; attempt <= 2 && !isInterrupted(); attempt++) {
    if (attempt > 1) say('that failed; once more');
    const updated = await apt(['update', '-q']);
    // A stale list can still be good enough, and a package source that is down need not be one of ours.
    if (!updated && !isInterrupted()) say('apt-get update failed; going on with the lists that are there');
    if (!isInterrupted() && (await apt(['install', '-y', '-q', '--no-install-recommends', ...packages])))
      return;
  }
}

/** @param {string[]} args */
const apt = (args) => runs('apt-get', args, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });

/**
 * Debian starts a service as soon as it is installed, unless policy-rc.d forbids it (invoke-rc.d(8)): a fresh nginx
 * would take port 80, Redis 6379.
 * @param {() => Promise<void>} action
 */
async function withoutServices(action) {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await action();
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
  endIfInterrupted();
}
