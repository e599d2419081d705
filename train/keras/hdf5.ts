/** HDF5 bytes → attributes and arrays of numbers. The library reads them from a file system of its own, in memory. */
import h5wasm from 'h5wasm';
import { KerasError } from './error.ts';

const SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1');
let opened = 0;

export interface Weight {
  shape: number[];
  values: Float64Array;
}

export interface Hdf5 {
  /** An attribute that is a text, of the object at a path. */
  text(path: string, attribute: string): string | undefined;
  /** Paths of all objects under a group, relative to it. */
  paths(group: string): string[];
  /** @throws KerasError if what is there is not an array of float32 or float64 */
  weight(path: string): Weight | undefined;
  /** No call after it. */
  close(): void;
}

/** @param file how errors name it */
export async function openHdf5(bytes: Uint8Array, file: string): Promise<Hdf5> {
  const again = 'save the model again with model.save()';
  // The library says "not an HDF5 file" in twenty lines on standard error.
  if (!SIGNATURE.equals(bytes.subarray(0, SIGNATURE.length)))
    throw new KerasError(file, 'is not HDF5', again);
  const { FS } = await h5wasm.ready;
  const inside = `/${(opened += 1)}.h5`; // a name that is open already would give the file that was opened before
  FS.writeFile(inside, bytes);
  const root = new h5wasm.File(inside, 'r');
  if (root.file_id < 0n) throw new KerasError(file, 'is broken HDF5, perhaps cut off', again);
  const at = (path: string): ReturnType<typeof root.get> => {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    if (parent !== '' && at(parent) === null) return null;
    const group = parent === '' ? root : at(parent);
    const name = path.slice(parent === '' ? 0 : parent.length + 1);
    return group instanceof h5wasm.Group && group.keys().includes(name) ? group.get(name) : null;
  };
  return {
    close: () => {
      root.close();
      FS.unlink(inside);
    },
    text: (path, attribute) => {
      const owner = path === '' ? root : at(path);
      const value = owner && 'attrs' in owner ? owner.attrs[attribute]?.value : undefined;
      return typeof value === 'string' ? value : undefined;
    },
    paths: (path) => {
      const group = at(path);
      return group instanceof h5wasm.Group ? group.paths() : [];
    },
    weight: (path) => {
      const found = at(path);
      if (!(found instanceof h5wasm.Dataset)) return undefined;
      const { value, shape, dtype } = found;
      if (value instanceof Float32Array || value instanceof Float64Array) {
        return { shape: shape ?? [], values: Float64Array.from(value) };
      }
      if (typeof value === 'number') return { shape: [], values: Float64Array.of(value) };
      const type = typeof dtype === 'string' ? dtype : 'something else';
      throw new KerasError(
        `${file}, ${path}`,
        `holds ${type}, not float32`,
        'save the model with float32 weights',
      );
    },
  };
}
