/**
 * Redis's clock as it last answered, going on by this process's monotonic clock: the wall clock may step (NTP, an
 * administrator), and what is placed by it then lies in another minute.
 */
import type { Moment } from './store.ts';

/** An answer that took longer says little about the clock. */
const SOON_MS = 50;

export class LearnedClock {
  /** Redis's Unix milliseconds less performance.now(). */
  #ahead: number | undefined;

  get learned(): boolean {
    return this.#ahead !== undefined;
  }

  /** Unix milliseconds; the wall clock's until something was learned. */
  nowMs(): number {
    return this.#ahead === undefined ? Date.now() : performance.now() + this.#ahead;
  }

  /** @param sentAt performance.now() at which Redis was asked for the moment that it has just answered */
  learn({ s, ms }: Moment, sentAt: number): void {
    const answeredAt = performance.now();
    if (answeredAt - sentAt < SOON_MS) this.#ahead = 1000 * s + ms - answeredAt;
  }
}
