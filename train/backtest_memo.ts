/**
 * What was computed for a row of numbers, remembered: windows repeat themselves (a client's first request, a monitor's
 * hundredth). One place a row, by its hash; whoever comes later takes it over, so the memory is bounded.
 */
import type { Judging } from '../scorer/judge.ts';

const PLACES = 1 << 15;

export class Memo {
  readonly #width: number;
  readonly #rows: Float64Array;
  readonly #taken = new Uint8Array(PLACES);
  readonly #row: Float64Array;
  readonly #words: Uint32Array;

  /** @param width numbers in a row */
  constructor(width: number) {
    this.#width = width;
    this.#rows = new Float64Array(PLACES * width);
    this.#row = new Float64Array(width);
    this.#words = new Uint32Array(this.#row.buffer);
  }

  /** @returns the place (0…32,767) of the row at `from`, and whether it held that row already; if not, it does now */
  find(rows: Float64Array, from: number): { place: number; known: boolean } {
    const [width, words] = [this.#width, this.#words];
    for (let i = 0; i < width; i++) this.#row[i] = rows[from + i] as number;
    let hash = 0;
    for (let i = 0; i < words.length; i++) {
      hash = Math.imul(hash ^ (words[i] as number), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    const place = hash & (PLACES - 1);
    const at = place * width;
    if (this.#taken[place] === 1) {
      let i = 0;
      while (i < width && this.#rows[at + i] === this.#row[i]) i++;
      if (i === width) return { place, known: true };
    }
    this.#taken[place] = 1;
    this.#rows.set(this.#row, at);
    return { place, known: false };
  }

  static get places(): number {
    return PLACES;
  }
}

/** The same model, computing each row once as long as it is remembered. One that is not compiled stays as it is. */
export function remembering(model: Judging): Judging {
  const { features, thresholds, monotone } = model;
  if (model.score(new Float64Array(features.length), 1) instanceof Promise) return model;
  const compute = (rows: Float64Array, n: number): Float64Array => model.score(rows, n) as Float64Array;
  const memo = new Memo(features.length);
  const known = new Float64Array(Memo.places);
  const score = (rows: Float64Array, n: number): Float64Array => {
    const scores = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const from = i * features.length;
      const found = memo.find(rows, from);
      if (!found.known)
        known[found.place] = compute(rows.subarray(from, from + features.length), 1)[0] as number;
      scores[i] = known[found.place] as number;
    }
    return scores;
  };
  return { features, thresholds, monotone, score };
}
