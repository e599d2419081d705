// `npm run test:compose`: brings the project up in containers, tries it and takes it down. It needs Docker, and of this
// machine nothing else. Exit code 3: Docker cannot be used here, nothing was tried.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findCompose } from './docker.mjs';
import { runTests, testFiles } from './runner.mjs';
import { checkNode, ensureNpmPackages, root, say } from './setup.mjs';

const WITHIN_MS = 900_000;

checkNode();
await ensureNpmPackages();
const { command, missing } = findCompose();
if (command === null) {
  say(`test:compose was not run: ${missing}`);
  process.exit(3);
}

// Compose reads this itself, so every command of the tests is about a project of their own.
process.env['COMPOSE_PROJECT_NAME'] = `scoregate-test-${process.pid}`;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    const [program = '', ...args] = command;
    spawnSync(program, [...args, 'down', '-v', '--rmi', 'local'], { cwd: root, stdio: 'inherit' });
    process.exit(130);
  });
}
await runTests([{ files: testFiles(join(root, 'test/compose')), concurrency: 1, timeout: WITHIN_MS }], '');
