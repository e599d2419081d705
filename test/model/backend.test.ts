/** Which TensorFlow.js is chosen, each in a process of its own: a process loads only one. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { root } from '../../config/paths.ts';
import { tensorflow } from '../../scorer/tensorflow.ts';
import { assertBackend, isNativeThere } from './backend.ts';

const dir = mkdtempSync(join(tmpdir(), 'scoregate-backend-'));
after(() => rmSync(dir, { recursive: true }));

/** A folder whose node_modules holds a tfjs-node of this code, or none. */
function folder(name: string, code?: string): string {
  const path = join(dir, name);
  const installed = join(path, 'node_modules/@tensorflow/tfjs-node');
  mkdirSync(installed, { recursive: true });
  if (code === undefined) rmSync(installed, { recursive: true });
  else writeFileSync(join(installed, 'index.js'), code);
  return `${path}/`;
}

/** What choose() answers; anything that it writes of its own makes the test fail. */
function chosen(forced: string, from = `${root}/`, before = ''): Record<string, string> {
  const code = `${before}
    const { choose } = await import(${JSON.stringify(join(root, 'scorer/tensorflow.ts'))});
    await choose(${JSON.stringify(forced)}, ${JSON.stringify(from)}).then(
      ({ tf, backend, nativeFailure }) => console.log(JSON.stringify({ backend, computes: tf.getBackend(), nativeFailure })),
      ({ message }) => console.log(JSON.stringify({ message })));`;
  const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.equal(run.stderr, '');
  return JSON.parse(run.stdout) as Record<string, string>;
}

test('these tests run on the backend that SCOREGATE_TF asks for, or on the native one where it is installed', async () => {
  assertBackend(await tensorflow());
});

test('SCOREGATE_TF=wasm is obeyed, another name is refused', () => {
  assert.deepEqual(chosen('wasm'), { backend: 'wasm', computes: 'wasm' });
  assert.match(chosen('abacus')['message'] ?? '', /"abacus"; it must be "wasm" or "tfjs-node"/);
});

test('where tfjs-node is not installed wasm computes, and nothing is said; forced, it is an error', () => {
  const from = folder('none');
  assert.deepEqual(chosen('', from), { backend: 'wasm', computes: 'wasm' });
  assert.match(chosen('tfjs-node', from)['message'] ?? '', /not installed: npm run setup:tfjs-node/);
});

const STUB = `exports.ready = async () => {}; exports.tidy = (f) => f();`;
for (const [what, code, reason] of [
  ['does not load', 'throw new Error("libtensorflow.so.2: cannot open\\nmore");', /libtensorflow\.so\.2: cannot open;/],
  ['computes wrongly', `${STUB} exports.matMul = () => ({ dataSync: () => [7] });`, /2 × 3 is 7/],
  ['lacks a package', 'require("no-such-package");', /Cannot find module 'no-such-package'/],
] as const) {
  test(`where tfjs-node ${what} wasm computes, and the reason is said; forced, it is an error`, () => {
    const from = folder(what, code);
    const { backend, computes, nativeFailure } = chosen('', from);
    assert.deepEqual([backend, computes], ['wasm', 'wasm']);
    assert.match(nativeFailure ?? '', reason);
    assert.match(nativeFailure ?? '', /npm run setup:tfjs-node/);
    assert.match(chosen('tfjs-node', from)['message'] ?? '', reason);
  });
}

const skip = isNativeThere ? false : 'the native library is not installed: npm run setup:tfjs-node';
test('the native library is chosen where it is installed, without noise', { skip }, () => {
  const native = { backend: 'tfjs-node', computes: 'tensorflow' };
  assert.deepEqual(chosen(''), native);
  assert.deepEqual(chosen('tfjs-node'), native);
});

test('it computes where Node has no util.isArray any more, as of Node 23', { skip }, () => {
  const before = `import util from 'node:util'; delete util.isArray; delete util.isNullOrUndefined;`;
  assert.equal(chosen('tfjs-node', undefined, before)['computes'], 'tensorflow');
});
