import test from 'node:test';
import { spawnSync } from 'node:child_process';
import assert from 'node:assert/strict';

/** Runs the Lua specs with busted and makes each a test of its own. */
const run = spawnSync('busted', ['-o', 'TAP'], { encoding: 'utf8' });
if (run.error) {
  throw new Error(`could not run busted (${run.error.message}); install lua-busted and luajit2`);
}
const results = [...run.stdout.matchAll(/^(ok|not ok) \d+ - (.*)\n((?:#.*\n)*)/gm)];

test('the Lua specs ran', () => assert.ok(results.length > 0, run.stdout + run.stderr));
for (const [, verdict, name, details] of results) {
  test(`lua: ${name}`, () => assert.equal(verdict, 'ok', details));
}
