/** Equal rows made one: two thirds of all windows look like another, and a fit need see each only once. */
import type { Samples } from './window.ts';

export interface Merged {
  samples: Samples;
  targets: Float64Array;
  weights: Float64Array;
}

/** @returns rows that differ in features or target, each with the weights of all that were like it */
export function merged(samples: Samples, targets: Float64Array, weights: Float64Array): Merged {
  const width = samples.names.length;
  const places = new Map<string, number>();
  const keep: number[] = [];
  const sums: number[] = [];
  for (let i = 0; i < samples.n; i++) {
    const row = samples.rows.subarray(i * width, (i + 1) * width);
    const key = `${targets[i]} ${row.join(' ')}`;
    const at = places.get(key);
    if (at !== undefined) {
      sums[at] = (sums[at] as number) + (weights[i] as number);
      continue;
    }
    places.set(key, keep.length);
    keep.push(i);
    sums.push(weights[i] as number);
  }
  const rows = new Float64Array(keep.length * width);
  keep.forEach((from, to) => rows.set(samples.rows.subarray(from * width, (from + 1) * width), to * width));
  const mean = samples.n / keep.length;
  return {
    samples: {
      names: samples.names,
      rows,
      clients: keep.map((i) => samples.clients[i] as string),
      request: Uint32Array.from(keep, (i) => samples.request[i] as number),
      weights: Float64Array.from(keep, (i) => samples.weights[i] as number),
      n: keep.length,
    },
    targets: Float64Array.from(keep, (i) => targets[i] as number),
    weights: Float64Array.from(sums, (w) => w / mean),
  };
}
