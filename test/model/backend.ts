/** Which backend a test runs on, found out without asking the code under test. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../config/paths.ts';
import type { Backend, Tensorflow } from '../../scorer/tensorflow.ts';

const library = join(root, 'node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node');
export const isNativeThere = existsSync(library);

/** The one that was asked for, else the native one where it is installed. */
export const expectedBackend = (process.env['SCOREGATE_TF'] ||
  (isNativeThere ? 'tfjs-node' : 'wasm')) as Backend;

/** Fails when something else computes than what these tests are meant to be run on. */
export function assertBackend({ tf, backend }: Tensorflow): void {
  assert.equal(backend, expectedBackend);
  assert.equal(tf.getBackend(), { wasm: 'wasm', 'tfjs-node': 'tensorflow' }[expectedBackend]);
}
