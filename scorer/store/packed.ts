/**
 * A packed record (record.ts) as a report looks at it: where the client stands, and its window as a row of sums, read
 * from the bytes. Making objects of them, as decode() does for whoever looks closer, takes ten times as long.
 */
import { BITMAPS, COUNTS, distinct } from '../observations.ts';
import { WIDTH, hitsCounted, place, sumHit, type History, type Sums } from '../sums.ts';
import { BUCKET_S, WINDOW_S, firstBucket } from '../window.ts';
import {
  BUCKET_BYTES,
  HEAD,
  HIT_BYTES,
  OFFSETS,
  before,
  isReadable,
  standingOf,
  standingBytes,
} from './record.ts';
import type { Standing } from './store.ts';

/** Where counts stand: pairs of the offset in a bucket, and the place in the sums. */
const COUNTED = Int32Array.from(COUNTS.flatMap((name) => [OFFSETS.get(name) as number, place(name)]));
const MAPPED = Int32Array.from(BITMAPS, (name) => OFFSETS.get(name) as number);
const FIRST_BITMAP = WIDTH - BITMAPS.length;
/** Two halves of each bitmap. */
const bits = new Int32Array(2 * BITMAPS.length);

export class Packed implements Standing, History {
  readonly tier: number;
  readonly since: readonly number[];
  readonly returned: number;
  readonly #record: Buffer;

  /** @param record one that isReadable() */
  constructor(record: Buffer, lines: number) {
    this.#record = record;
    ({ tier: this.tier, since: this.since, returned: this.returned } = standingOf(record, lines));
  }

  sumsAt(now: number, into: Sums = new Float64Array(WIDTH)): Sums {
    into.fill(0);
    const record = this.#record;
    const last = record.readUInt32LE(2);
    const hits = HEAD + standingBytes(record[0] as number);
    const buckets = hits + HIT_BYTES * (record[6] as number);
    for (let at = buckets - HIT_BYTES; at >= hits; at -= HIT_BYTES) {
      const age = now - before(last, record[at] as number);
      if (age >= WINDOW_S) break;
      sumHit(into, age, two(record, at + 1));
    }
    hitsCounted(into);
    sumBuckets(record, buckets, now, last, into);
    return into;
  }
}

function sumBuckets(record: Buffer, start: number, now: number, last: number, into: Sums): void {
  bits.fill(0);
  const [first, lastBucket] = [firstBucket(now), Math.floor(last / BUCKET_S)];
  for (let from = start; from < record.length; from += BUCKET_BYTES) {
    if (before(lastBucket, record[from] as number) < first) continue;
    for (let k = 0; k < COUNTED.length; k += 2) {
      const i = COUNTED[k + 1] as number;
      into[i] = (into[i] as number) + two(record, from + (COUNTED[k] as number));
    }
    for (let k = 0; k < MAPPED.length; k++) {
      const at = from + (MAPPED[k] as number);
      bits[2 * k] = (bits[2 * k] as number) | four(record, at);
      bits[2 * k + 1] = (bits[2 * k + 1] as number) | four(record, at + 4);
    }
  }
  for (let k = 0; k < MAPPED.length; k++) {
    const [hi, lo] = [bits[2 * k] as number, bits[2 * k + 1] as number];
    if (hi !== 0 || lo !== 0) into[FIRST_BITMAP + k] = distinct({ hi, lo });
  }
}

// Buffer's own methods check their arguments every time.
const two = (record: Buffer, at: number): number =>
  (record[at] as number) | ((record[at + 1] as number) << 8);
const four = (record: Buffer, at: number): number => two(record, at) | (two(record, at + 2) << 16);

/**
 * @param lines how many lines the tiers have now
 * @returns null if there is no record, or none that can be read
 */
export const unpack = (record: Buffer, lines: number): Packed | null =>
  isReadable(record) ? new Packed(record, lines) : null;
