// `npm test`: sets up what is missing, runs test/**/*.test.ts (or those whose path contains one of the arguments)
// and ends with the line `N passed, N failed`.
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { runTests, testFiles } from './runner.mjs';
import { checkNode, ensureNpmPackages, ensureSystemPackages, root, TEST_PROGRAMS } from './setup.mjs';

// Docker, and nothing of what is set up here: npm run test:compose.
const COMPOSE = 'test/compose/';
// Clients in real time, for a minute and a half: only when asked for, npm run test:live.
const LIVE = 'test/live/';
// They start whole systems: after all others, two at a time, and alone where times are measured.
const SYSTEMS = ['test/integration/', 'test/launch/', 'test/examples/', LIVE];
const MEASURED = [
  'test/examples/least_busy',
  'test/examples/replicas',
  'test/integration/chaos',
  'test/integration/crowd',
  'test/integration/flood',
  'test/integration/pool_chaos',
  'test/launch/',
  LIVE,
];
const SYSTEMS_WITHIN_MS = 600_000;
const WITHIN_MS = 120_000;

checkNode();
await ensureSystemPackages(TEST_PROGRAMS);
await ensureNpmPackages();

const filters = process.argv.slice(2);
/** @param {string} file */
const path = (file) => relative(root, file);
/** @param {string} name */
const wanted = (name) =>
  filters.length === 0 ? !name.startsWith(LIVE) : filters.some((text) => name.includes(text));
const files = testFiles(join(root, 'test'))
  .filter((file) => !path(file).startsWith(COMPOSE) && wanted(path(file)))
  .sort();
/** @param {string[]} folders */
const under = (folders) => files.filter((file) => folders.some((folder) => path(file).startsWith(folder)));
const systems = under(SYSTEMS);
const alone = under(MEASURED);

await runTests(
  [
    {
      files: files.filter((file) => !systems.includes(file)),
      concurrency: Math.min(4, availableParallelism()),
      timeout: WITHIN_MS,
    },
    { files: systems.filter((file) => !alone.includes(file)), concurrency: 2, timeout: SYSTEMS_WITHIN_MS },
    { files: alone, concurrency: 1, timeout: SYSTEMS_WITHIN_MS },
  ],
  filters.join(' '),
);
