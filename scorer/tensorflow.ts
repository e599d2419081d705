/**
 * Which TensorFlow.js computes: the one place that decides. `@tensorflow/tfjs-node` where it is installed and its
 * native library loads, else `@tensorflow/tfjs` with the wasm backend. SCOREGATE_TF=wasm|tfjs-node forces one.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import type * as TensorFlow from '@tensorflow/tfjs';

export type Backend = 'tfjs-node' | 'wasm';
export interface Tensorflow {
  tf: typeof TensorFlow;
  backend: Backend;
  /** Why tfjs-node, though it is installed, does not compute. */
  nativeFailure?: string;
}

const NATIVE = '@tensorflow/tfjs-node';
const FIX = 'npm run setup:tfjs-node';
let loading: Promise<Tensorflow> | undefined;

/**
 * Loads TensorFlow.js, once per process.
 * @throws Error if SCOREGATE_TF names an unknown backend, or forces one that does not load
 */
export function tensorflow(): Promise<Tensorflow> {
  loading ??= choose(process.env['SCOREGATE_TF']);
  return loading;
}

/**
 * @param forced as SCOREGATE_TF; empty for the best that loads
 * @param from the file or folder (ending in /) whose node_modules may hold tfjs-node
 */
export async function choose(forced: string | undefined, from = import.meta.url): Promise<Tensorflow> {
  if (forced === 'wasm') return quietly(wasm);
  if (forced && forced !== 'tfjs-node') {
    throw new Error(`SCOREGATE_TF is "${forced}"; it must be "wasm" or "tfjs-node"`);
  }
  const require = createRequire(from);
  try {
    require.resolve(NATIVE);
  } catch {
    if (forced) throw new Error(`SCOREGATE_TF is "tfjs-node", which is not installed: ${FIX}`);
    return quietly(wasm);
  }
  try {
    return await quietly(() => native(require));
  } catch (error) {
    const nativeFailure = `${NATIVE} is installed but does not load: ${firstLine(error)}; set it up again with ${FIX}`;
    if (forced) throw new Error(`SCOREGATE_TF is "tfjs-node", but ${nativeFailure}`, { cause: error });
    return { ...(await quietly(wasm)), nativeFailure };
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n')[0] as string).trim().replace(/\.$/, '');
}

async function native(require: NodeJS.Require): Promise<Tensorflow> {
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2'; // "This TensorFlow binary is optimized with …" on every start
  // What tfjs-node 4.22 calls of Node is deprecated, with a warning, in Node 22, and gone since Node 23.
  Object.assign(require('node:util') as object, {
    isArray: Array.isArray,
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  });
  const tf = require(NATIVE) as typeof TensorFlow;
  await tf.ready();
  // A library that loads may still fail at the first thing it has to compute.
  const six = tf.tidy(() => tf.matMul([[2]], [[3]]).dataSync()[0]);
  if (six !== 6) throw new Error(`2 × 3 is ${six} to it`);
  return { tf, backend: 'tfjs-node' };
}

async function wasm(): Promise<Tensorflow> {
  const tf = await import('@tensorflow/tfjs');
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  const manifest = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json');
  setWasmPaths(path.join(path.dirname(manifest), 'dist') + path.sep);
  // Threads would keep the process alive, and sum in an order that differs from run to run.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  if (!(await tf.setBackend('wasm'))) throw new Error('could not start the wasm backend of TensorFlow.js');
  await tf.ready();
  return { tf, backend: 'wasm' };
}

/**
 * Runs a loader without what it does to its process: banners on the console, and Emscripten's handlers of uncaught
 * exceptions and rejections, which would take them from ours.
 */
async function quietly(load: () => Promise<Tensorflow>): Promise<Tensorflow> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => process.rawListeners(event));
  const { warn, info, log } = console;
  console.warn = console.info = console.log = () => {};
  try {
    return await load();
  } finally {
    Object.assign(console, { warn, info, log });
    events.forEach((event, i) => {
      for (const added of process.rawListeners(event)) {
        if (!before[i]?.includes(added)) process.removeListener(event, added as never);
      }
    });
  }
}
