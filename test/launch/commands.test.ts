import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { root } from '../../config/paths.ts';

for (const [command, ...args] of [
  ['top', '--bogus'],
  ['reload', '--bogus'],
  ['reload', 'now'],
  ['pool', '--bogus'],
  ['pool', 'drain', 'fast', '127.0.0.1:81', '--weight', '3'],
] as const) {
  test(`npm run ${command} says what is wrong with ${args.join(' ')}, and what would be right`, () => {
    const file = join(root, 'launch', `${command}.ts`);
    const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', file, ...args], {
      cwd: root,
      encoding: 'utf8',
    });
    assert.equal(status, 2);
    assert.match(
      stderr,
      /^(?:Unknown option '--bogus'|Unexpected argument 'now'|--weight, .* are for add)$/m,
    );
    assert.match(stderr, new RegExp(`^npm run ${command} `, 'm'));
    assert.doesNotMatch(stderr, /node:internal/);
  });
}

for (const command of ['top', 'reload', 'pool']) {
  test(`npm run ${command} -- --help says how it is called`, () => {
    const args = ['--import', 'tsx', join(root, 'launch', `${command}.ts`), '--help'];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`^npm run ${command} `));
  });
}

for (const command of ['top', 'reload', 'pool']) {
  test(`npm run ${command} says that nothing runs from a folder from which nothing does`, () => {
    const args = ['--import', 'tsx', join(root, 'launch', `${command}.ts`), '--run', '/nowhere'];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^nothing runs from \/nowhere; start it with npm start \(another run folder: .*--run DIR\)$/m,
    );
  });
}

test('npm run check says what is wrong within a model', () => {
  const folder = mkdtempSync(join(tmpdir(), 'scoregate-check-'));
  try {
    const model = join(folder, 'model');
    cpSync(join(root, 'model'), model, { recursive: true });
    writeFileSync(join(folder, 'scoregate.yaml'), `model: ${model}\n`);
    const check = () => {
      const args = ['launch/run.mjs', 'config/check.ts', join(folder, 'scoregate.yaml')];
      return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    };
    assert.equal(check().status, 0, check().stderr);
    writeFileSync(join(model, 'weights.bin'), 'short');
    const { status, stderr } = check();
    assert.equal(status, 1);
    assert.match(stderr, /^the scorer does not start with it: .*weights\.bin/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
