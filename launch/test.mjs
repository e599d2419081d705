// `npm test`: sets up what is missing, runs test/**/*.test.ts (or those whose path contains one of the arguments)
// and ends with the line `N passed, N failed`.
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { run } from 'node:test';
import { checkNode, ensureNpmPackages, ensureSystemPackages, root, TEST_PROGRAMS } from './setup.mjs';

// Tests that start whole systems measure times: one file at a time, after all others.
const ALONE = ['test/integration/', 'test/launch/'];
const ALONE_WITHIN_MS = 600_000;
const WITHIN_MS = 120_000;

/**
 * @param {string} folder
 * @returns {string[]}
 */
function testFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

/** @param {string} text */
const print = (text) => process.stdout.write(`${text}\n`);

const count = { passed: 0, failed: 0, skipped: 0 };
/** @type {string[]} */
const failures = [];

/**
 * @param {string[]} files
 * @param {number} concurrency
 * @param {number} timeout for one file, ms
 */
async function runFiles(files, concurrency, timeout) {
  if (files.length === 0) return;
  for await (const event of run({ files, concurrency, timeout })) {
    const { type, data } = event;
    if (type === 'test:stdout' || type === 'test:stderr') process.stdout.write(data.message);
    else if (type === 'test:pass' || type === 'test:fail') record(type === 'test:pass', data);
  }
}

/**
 * @typedef {{ name: string, file?: string | undefined, nesting: number, skip?: string | boolean | undefined,
 *   todo?: string | boolean | undefined,
 *   details: { duration_ms: number, type?: string | undefined, error?: Error | undefined } }} Result
 * @param {boolean} passed
 * @param {Result} data
 */
function record(passed, data) {
  const file = relative(root, data.file ?? data.name);
  if (files.includes(data.name)) return recordFile(passed, relative(root, data.name), data.details);
  // A suite, or a test of which a part failed, only repeats what its parts say.
  if (data.details.type === 'suite' || typeOf(data.details.error) === 'subtestsFailed') return;
  if (data.skip !== undefined || data.todo !== undefined) {
    count.skipped++;
    return print(`skip ${file}: ${data.name}`);
  }
  add(passed, file, `${data.name} (${Math.round(data.details.duration_ms)} ms)`, data.details.error);
}

/**
 * What the runner says of a whole file: it matters when the file has no tests, could not run, or ended badly.
 * @param {boolean} passed
 * @param {string} file
 * @param {Result['details']} details
 */
function recordFile(passed, file, details) {
  const results = byFile.get(file);
  if (passed && !results) add(false, file, 'there is no test in it', undefined);
  else if (!passed && !results?.failed) add(false, file, 'the file did not run to its end', details.error);
}

/**
 * @param {boolean} passed
 * @param {string} file
 * @param {string} text
 * @param {Error | undefined} error
 */
function add(passed, file, text, error) {
  const results = byFile.get(file) ?? { failed: 0 };
  byFile.set(file, results);
  const line = `${passed ? 'ok  ' : 'FAIL'} ${file}: ${text}`;
  print(line);
  if (passed) {
    count.passed++;
    return;
  }
  count.failed++;
  results.failed++;
  const why = error ? `\n${describe(error).replace(/^/gm, '       ')}` : '';
  failures.push(line + why);
  if (error) print(why.slice(1));
}

/** @param {Error} error */
function describe(error) {
  const cause = error.cause instanceof Error ? error.cause : error;
  return cause.stack ?? cause.message;
}

/** @param {Error | undefined} error */
const typeOf = (error) => (error && 'failureType' in error ? error.failureType : null);

checkNode();
await ensureSystemPackages(TEST_PROGRAMS);
await ensureNpmPackages();
// The runner starts one Node for each file; this is how they learn to read TypeScript.
process.env['NODE_OPTIONS'] =
  `${process.env['NODE_OPTIONS'] ?? ''} --import ${import.meta.resolve('tsx')}`.trim();
process.chdir(root);

const filters = process.argv.slice(2);
const files = testFiles(join(root, 'test'))
  .filter((file) => filters.length === 0 || filters.some((text) => relative(root, file).includes(text)))
  .sort();
/** @type {Map<string, { failed: number }>} */
const byFile = new Map();
const alone = files.filter((file) => ALONE.some((folder) => relative(root, file).startsWith(folder)));
const together = files.filter((file) => !alone.includes(file));

await runFiles(together, Math.min(4, availableParallelism()), WITHIN_MS);
await runFiles(alone, 1, ALONE_WITHIN_MS);

if (failures.length > 0) print(`\nFailed:\n${failures.join('\n')}`);
if (count.passed + count.failed === 0) {
  print(`no tests found${filters.length > 0 ? ` for ${filters.join(' ')}` : ''}, which is a failure`);
  count.failed = 1;
}
if (count.skipped > 0) print(`${count.skipped} skipped`);
process.exitCode = count.failed === 0 ? 0 : 1;
// The very last line, whatever a test has left to say.
process.on('exit', () => print(`${count.passed} passed, ${count.failed} failed`));
