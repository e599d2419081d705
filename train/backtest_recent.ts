/**
 * The clients seen of late, by key: `most` of them at least and twice that at most. In two halves, of which the older is
 * dropped whole when the younger is full: an exact order of use would cost more than all else that a backtest does.
 */
export class Recent<T extends { key: string }> {
  readonly #most: number;
  #young = new Map<string, T>();
  #old = new Map<string, T>();
  /** Dropped for want of room. */
  forgotten = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get(key: string): T | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    return this.add(old);
  }

  add(item: T): T {
    if (this.#young.size >= this.#most) {
      this.forgotten += this.#old.size;
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(item.key, item);
    return item;
  }
}
