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
}

let loading: Promise<Tensorflow> | undefined;

/**
 * Loads TensorFlow.js, once per process.
 * @throws Error if SCOREGATE_TF names an unknown backend, or forces one that does not load
 */
export function tensorflow(): Promise<Tensorflow> {
  loading ??= choose(process.env['SCOREGATE_TF']);
  return loading;
}

async function choose(forced: string | undefined): Promise<Tensorflow> {
  if (forced === 'wasm') return quietly(wasm);
  if (forced === 'tfjs-node') return quietly(native);
  if (forced) throw new Error(`SCOREGATE_TF is "${forced}"; it must be "wasm" or "tfjs-node"`);
  return quietly(native).catch(() => quietly(wasm));
}

async function native(): Promise<Tensorflow> {
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2'; // "This TensorFlow binary is optimized with …" on every start
  // An optional dependency: the name is not a literal so that TypeScript does not look for it.
  const name: string = '@tensorflow/tfjs-node';
  const tf = unwrap((await import(name)) as object);
  await tf.ready();
  return { tf, backend: 'tfjs-node' };
}

async function wasm(): Promise<Tensorflow> {
  const tf = unwrap(await import('@tensorflow/tfjs'));
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  const manifest = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json');
  setWasmPaths(path.join(path.dirname(manifest), 'dist') + path.sep);
  // Threads would keep the process alive, and sum in an order that differs from run to run.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  if (!(await tf.setBackend('wasm'))) throw new Error('could not start the wasm backend of TensorFlow.js');
  await tf.ready();
  return { tf, backend: 'wasm' };
}

/** tfjs-node is CommonJS: imported from an ES module, its names may be under `default` only. */
function unwrap(module: object): typeof TensorFlow {
  const tf = 'env' in module ? module : (module as { default: object }).default;
  return tf as typeof TensorFlow;
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
