/** What Redis has not been told: batches as they came, in order, at most 60 s old and bounded. */
import type { Packed } from './redis.ts';
import { WINDOW_S } from '../window.ts';

export interface Waiting {
  readonly packed: Packed;
  /** performance.now() at which the batch came in. */
  readonly at: number;
}

export class Backlog {
  #waiting: Waiting[] = [];
  #bytes = 0;
  readonly #most: number;
  readonly #clock: () => number;
  /** Batches that went because they were too old, or too many. */
  dropped = 0;

  /** @param most bytes of packed batches */
  constructor(most = 64 * 2 ** 20, clock: () => number = () => performance.now()) {
    this.#most = most;
    this.#clock = clock;
  }

  get length(): number {
    return this.#waiting.length;
  }

  push(packed: Packed, at: number): void {
    this.#waiting.push({ packed, at });
    this.#bytes += size(packed);
    while (this.#bytes > this.#most && this.#waiting.length > 1) this.#drop();
    this.#dropOld();
  }

  /** The oldest batch that still matters; it stays until done() is called. */
  first(): Waiting | undefined {
    this.#dropOld();
    return this.#waiting[0];
  }

  /** The batch as it is to be counted now: with the time that it has waited. */
  aged({ packed, at }: Waiting): Packed {
    return { ...packed, waited: Math.floor((this.#clock() - at) / 1000) };
  }

  /** It has been counted, or cannot be. */
  done(waiting: Waiting): void {
    if (this.#waiting[0] !== waiting) return; // dropped meanwhile
    this.#waiting.shift();
    this.#bytes -= size(waiting.packed);
  }

  /** What is older than a window cannot be seen in one any more. */
  #dropOld(): void {
    const oldest = this.#clock() - WINDOW_S * 1000;
    while (this.#waiting[0] !== undefined && this.#waiting[0].at < oldest) this.#drop();
  }

  #drop(): void {
    const [first] = this.#waiting;
    if (first) this.done(first);
    this.dropped += 1;
  }
}

/** 200: what an empty batch costs all the same. */
const size = (packed: Packed): number => packed.payloads.reduce((sum, part) => sum + part.length, 200);
