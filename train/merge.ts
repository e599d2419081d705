/**
 * Equal rows made few: two thirds of all windows look like another. No row weighs more than MOST of the mean, or a batch
 * would be one row; of what weighs more there are several.
 */
import type { Samples } from './window.ts';

const MOST = 8;

export interface Merged {
  samples: Samples;
  targets: Float64Array;
  weights: Float64Array;
}

/** @returns rows that differ in features or target (but for copies), with the weights of all that were like them */
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
  const mean = samples.n / keep.length;
  const shares = sums.map((w) => w / mean);
  sums.forEach((_, i) => {
    const whole = shares[i] as number;
    const copies = Math.ceil(whole / MOST);
    shares[i] = whole / copies;
    for (let k = 1; k < copies; k++) {
      keep.push(keep[i] as number);
      shares.push(whole / copies);
    }
  });
  const rows = new Float64Array(keep.length * width);
  keep.forEach((from, to) => rows.set(samples.rows.subarray(from * width, (from + 1) * width), to * width));
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
    weights: Float64Array.from(shares),
  };
}
