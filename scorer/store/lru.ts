/** A map of bounded size: the entry that was set longest ago goes first. */
export class Lru<V> {
  readonly #map = new Map<string, V>();
  readonly #most: number;
  /** Entries that went for want of room. */
  pushedOut = 0;

  constructor(most: number) {
    this.#most = Math.max(1, most);
  }

  get size(): number {
    return this.#map.size;
  }

  /** Does not count as use: whoever reads a client sets it too, when it did something. */
  get(key: string): V | undefined {
    return this.#map.get(key);
  }

  set(key: string, value: V): void {
    this.#map.delete(key); // so that it comes last in the order of insertion
    this.#map.set(key, value);
    if (this.#map.size <= this.#most) return;
    for (const oldest of this.#map.keys()) {
      this.#map.delete(oldest);
      this.pushedOut += 1;
      break;
    }
  }

  delete(key: string): void {
    this.#map.delete(key);
  }

  clear(): void {
    this.#map.clear();
  }

  values(): IterableIterator<V> {
    return this.#map.values();
  }

  entries(): IterableIterator<[string, V]> {
    return this.#map.entries();
  }
}
