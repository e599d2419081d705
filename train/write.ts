/** A trained network → a model folder, whole or not at all. */
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { LayersModel, io } from '@tensorflow/tfjs';
import { loadModel } from '../scorer/model.ts';
import { readModelFiles, sha256, versionOf, type Manifest } from '../scorer/manifest.ts';

export interface Contents {
  model: LayersModel;
  manifest: Omit<Manifest, 'format' | 'version' | 'files'>;
  golden: { inputs: number[][]; scores: number[] };
}

const FILES = ['golden.json', 'manifest.json', 'model.json', 'weights.bin'];

/** The network in the tfjs layers format: model.json's text and weights.bin's bytes. */
async function serialized(model: LayersModel): Promise<{ modelJson: string; weights: Buffer }> {
  let artifacts: io.ModelArtifacts | undefined;
  await model.save({
    save: (given: io.ModelArtifacts) => {
      artifacts = given;
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } });
    },
  });
  if (!artifacts?.weightData || !artifacts.weightSpecs) throw new Error('TensorFlow.js saved no weights');
  const data = artifacts.weightData;
  const weights = Array.isArray(data)
    ? Buffer.concat(data.map((part) => Buffer.from(part)))
    : Buffer.from(data);
  const modelJson = {
    format: 'layers-model',
    generatedBy: artifacts.generatedBy,
    convertedBy: null,
    modelTopology: artifacts.modelTopology,
    weightsManifest: [{ paths: ['weights.bin'], weights: artifacts.weightSpecs }],
  };
  return { modelJson: `${JSON.stringify(modelJson)}\n`, weights };
}

/**
 * Writes the four files beside `out`, loads them as the scorer would, and renames them into place; the model that was
 * there is kept as `out.previous`. Returns the version.
 * @throws ModelError if the scorer would refuse it, Error if a folder holds something else; all is then as it was
 */
export async function write(out: string, { model, manifest, golden }: Contents): Promise<string> {
  const dir = checkPlace(out);
  const { modelJson, weights } = await serialized(model);
  const goldenJson = `${JSON.stringify(golden)}\n`;
  const version = versionOf(modelJson, weights, manifest);
  const files = {
    'model.json': sha256(modelJson),
    'weights.bin': sha256(weights),
    'golden.json': sha256(goldenJson),
  };
  mkdirSync(path.dirname(dir), { recursive: true });
  const made = mkdtempSync(`${dir}.new-`);
  try {
    chmodSync(made, 0o755);
    writeFileSync(path.join(made, 'model.json'), modelJson);
    writeFileSync(path.join(made, 'weights.bin'), weights);
    writeFileSync(path.join(made, 'golden.json'), goldenJson);
    const whole: Manifest = { format: 1, version, ...manifest, files };
    writeFileSync(path.join(made, 'manifest.json'), `${JSON.stringify(whole, null, 2)}\n`);
    (await loadModel(made)).close();
    swap(made, dir);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  return version;
}

/**
 * The model in a folder with other lines, and so another version; its figures stay those of its training.
 * @throws ModelError if there is none, or none that is whole
 */
export async function withThresholds(out: string, thresholds: number[]): Promise<string> {
  const dir = checkPlace(out);
  const { manifest } = await readModelFiles(dir);
  const [modelJson, weights] = ['model.json', 'weights.bin'].map((name) =>
    readFileSync(path.join(dir, name)),
  ) as [Buffer, Buffer];
  const version = versionOf(modelJson, weights, { ...manifest, thresholds });
  const made = mkdtempSync(`${dir}.new-`);
  try {
    chmodSync(made, 0o755);
    for (const name of FILES) copyFileSync(path.join(dir, name), path.join(made, name));
    const whole: Manifest = { ...manifest, version, thresholds };
    writeFileSync(path.join(made, 'manifest.json'), `${JSON.stringify(whole, null, 2)}\n`);
    (await loadModel(made)).close();
    swap(made, dir);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  return version;
}

/**
 * Whether a model could be written there: to be known before it is made.
 * @returns the folder's absolute path
 * @throws Error if it holds something else, is none, or may not be written
 */
export function checkPlace(out: string): string {
  const dir = path.resolve(out);
  refuseOthers(dir);
  refuseOthers(`${dir}.previous`); // it is about to be replaced too
  let parent = path.dirname(dir);
  while (!existsSync(parent)) parent = path.dirname(parent);
  try {
    if (!statSync(parent).isDirectory()) throw new Error(`${parent} is no folder`);
    accessSync(parent, constants.W_OK);
  } catch (error) {
    throw new Error(`${dir} cannot be made: ${(error as Error).message}; give another folder with --out`);
  }
  return dir;
}

/** A folder that holds something else than a model is not ours to replace. */
function refuseOthers(dir: string): void {
  if (!existsSync(dir)) return;
  if (!statSync(dir).isDirectory()) throw new Error(`${dir} is no folder; give another one with --out`);
  const others = readdirSync(dir).filter((name) => !FILES.includes(name));
  if (others.length > 0) {
    throw new Error(`${dir} holds ${others[0]}, which is no part of a model; give another folder with --out`);
  }
}

/** Two renames: between them there is no model for an instant, which the scorer bridges with the one it runs. */
function swap(made: string, dir: string): void {
  const previous = `${dir}.previous`;
  const replaces = existsSync(dir);
  if (replaces) {
    rmSync(previous, { recursive: true, force: true });
    renameSync(dir, previous);
  }
  try {
    renameSync(made, dir);
  } catch (error) {
    if (replaces) renameSync(previous, dir);
    throw error;
  }
}
