/**
 * The clients seen of late, by number: `most` of them at least and twice that at most. In two halves, of which the older is
 * dropped whole when the younger is full: an exact order of use would cost more than all else that a backtest does.
 */
export class Recent<T extends { number: number }> {
  readonly #most: number;
  #young = new Map<number, T>();
  #old = new Map<number, T>();
  /** Dropped for want of room. */
  forgotten = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get(number: number): T | undefined {
    const young = this.#young.get(number);
    if (young !== undefined) return young;
    const old = this.#old.get(number);
    if (old === undefined) return undefined;
    this.#old.delete(number);
    return this.add(old);
  }

  add(item: T): T {
    if (this.#young.size >= this.#most) {
      this.forgotten += this.#old.size;
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(item.number, item);
    return item;
  }
}
