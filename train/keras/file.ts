/** A file that Keras 2 or 3 saved, .h5 or .keras → the model's configuration, and its weights by layer. */
import { readFileSync, statSync } from 'node:fs';
import { unzipSync, type Unzipped } from 'fflate';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { KerasError } from './error.ts';
import { openHdf5, type Hdf5, type Weight } from './hdf5.ts';

/** Of a part of an archive, unpacked: no network of a score needs as much. */
const MOST_BYTES = 256 * 1024 ** 2;

const Config = Type.Record(Type.String(), Type.Unknown());
export const LayerConfig = Type.Object({
  class_name: Type.String(),
  config: Config,
  name: Type.Optional(Type.String()),
  inbound_nodes: Type.Optional(Type.Array(Type.Unknown())),
});
const ModelConfig = Type.Object({ class_name: Type.String(), config: Type.Unknown() });

export type LayerConfig = Static<typeof LayerConfig>;
export type ModelConfig = Static<typeof ModelConfig>;

export interface KerasFile {
  /** As given on the command line: how errors name it. */
  file: string;
  bytes: Uint8Array;
  version: string;
  model: ModelConfig;
  /** @param names of the layer's weights, in the order in which Keras makes them */
  weights(layer: Stored, names: readonly string[]): (Weight | undefined)[];
  /** No weights after it. */
  close(): void;
}

/** How the weights of a layer are found: .h5 has them by its name, .keras by its class and a number. */
export interface Stored {
  name: string;
  className: string;
  /** How many layers of the same class come before it. */
  nth: number;
}

const ZIP = 'PK\x03\x04';
const WHOLE = 'save the whole model with model.save()';

/** @throws KerasError */
export async function readKeras(file: string): Promise<KerasFile> {
  const bytes = readBytes(file);
  const isZip = Buffer.from(bytes.subarray(0, 4)).toString('latin1') === ZIP;
  return isZip ? readArchive(file, bytes) : readH5(file, bytes);
}

function readBytes(file: string): Uint8Array {
  try {
    if (!statSync(file).isDirectory()) return readFileSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new KerasError(file, code === 'ENOENT' ? 'does not exist' : message, 'name a .h5 or .keras file');
  }
  throw new KerasError(file, 'is a folder (a SavedModel?)', 'save the model as .keras or .h5');
}

async function readH5(file: string, bytes: Uint8Array): Promise<KerasFile> {
  const hdf5 = await openHdf5(bytes, file);
  const config = hdf5.text('', 'model_config');
  if (config === undefined) throw new KerasError(file, 'holds no model_config, so weights only', WHOLE);
  return {
    file,
    bytes,
    close: hdf5.close,
    version: hdf5.text('', 'keras_version') ?? hdf5.text('model_weights', 'keras_version') ?? '2',
    model: parse(config, `${file}, model_config`),
    weights: ({ name }, names) => {
      const group = `model_weights/${name}`;
      const paths = hdf5.paths(group);
      // Keras 2 writes dense/dense/kernel:0, Keras 3 dense/sequential/dense/kernel.
      const path = (weight: string): string | undefined =>
        paths.find((one) => (one.split('/').at(-1) as string).replace(/:\d+$/, '') === weight);
      return names.map((weight) => hdf5.weight(`${group}/${path(weight) ?? weight}`));
    },
  };
}

async function readArchive(file: string, bytes: Uint8Array): Promise<KerasFile> {
  let entries: Unzipped;
  try {
    entries = unzipSync(bytes, { filter: ({ originalSize }) => originalSize <= MOST_BYTES });
  } catch (error) {
    throw new KerasError(file, `is a broken zip file (${(error as Error).message})`, WHOLE);
  }
  const entry = (name: string): Uint8Array => {
    const found = entries[name];
    if (found === undefined)
      throw new KerasError(file, `is a zip file without ${name}, or with one of over 256 MB`, WHOLE);
    return found;
  };
  const text = (name: string): string => Buffer.from(entry(name)).toString('utf8');
  const metadata = parse(text('metadata.json'), `${file}, metadata.json`, Config);
  const hdf5 = await openHdf5(entry('model.weights.h5'), `${file}, model.weights.h5`);
  return {
    file,
    bytes,
    close: hdf5.close,
    version: String(metadata['keras_version'] ?? '3'),
    model: parse(text('config.json'), `${file}, config.json`),
    weights: (layer, names) => {
      const group = groupOf(hdf5, layer);
      return names.map((_, i) => hdf5.weight(`${group}/${i}`));
    },
  };
}

/** As naming.to_snake_case of Keras 2.15 and 3. */
const snakeCase = (name: string): string =>
  name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();

/** Where a .keras file has the weights of a layer. Keras 3 notes the layer's name there; 2.12 called the folder so. */
function groupOf(hdf5: Hdf5, { name, className, nth }: Stored): string {
  const top = hdf5.paths('layers').length > 0 ? 'layers' : '_layer_checkpoint_dependencies';
  const folders = hdf5.paths(top).filter((path) => path.endsWith('/vars'));
  const named = folders.find((path) => hdf5.text(`${top}/${path}`, 'name') === name);
  return `${top}/${named ?? `${snakeCase(className)}${nth === 0 ? '' : `_${nth}`}/vars`}`;
}

function parse(text: string, place: string): ModelConfig;
function parse(text: string, place: string, schema: typeof Config): Static<typeof Config>;
function parse(
  text: string,
  place: string,
  schema: typeof Config | typeof ModelConfig = ModelConfig,
): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new KerasError(place, 'is not JSON', WHOLE);
  }
  if (Value.Check(schema, value)) return value;
  throw new KerasError(place, 'is not the configuration of a model', WHOLE);
}
