/**
 * node --import tsx launch/native/check.ts FOLDER: loads tfjs-node from FOLDER's node_modules as the scorer would, and
 * computes with it. Prints its versions; exits with 1 and the reason when it does not load. A process of its own,
 * because a library that is not for this processor takes its process with it.
 */
import path from 'node:path';
import { choose } from '../../scorer/tensorflow.ts';

interface Binding {
  TF_Version: string;
}

try {
  const { tf } = await choose('tfjs-node', `${path.resolve(process.argv[2] ?? '.')}/`);
  if (tf.getBackend() !== 'tensorflow') throw new Error(`the backend is "${tf.getBackend()}"`);
  const product = tf.matMul(tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor2d([5, 6, 7, 8], [2, 2]));
  const got = [...product.dataSync()].join();
  if (got !== '19,22,43,50') throw new Error(`a product of matrices is ${got} to it and not 19,22,43,50`);
  const { binding } = tf.backend() as unknown as { binding: Binding };
  const versions = tf.version as typeof tf.version & { 'tfjs-node': string };
  console.log(`tfjs-node ${versions['tfjs-node']} with TensorFlow ${binding.TF_Version}`);
} catch (error) {
  console.log(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
