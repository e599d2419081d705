interface Entry<V> {
  readonly key: string;
  value: V;
  older: Entry<V> | undefined;
  newer: Entry<V> | undefined;
}

/**
 * A map of bounded size: the entry that was set longest ago goes first.
 *
 * The order is a list through the entries, not the map's own: to be moved last in that, an entry would have to be
 * deleted and set again, and then to find the first one V8 walks past all that were deleted.
 */
export class Lru<V> {
  readonly #map = new Map<string, Entry<V>>();
  readonly #most: number;
  #oldest: Entry<V> | undefined;
  #newest: Entry<V> | undefined;
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
    return this.#map.get(key)?.value;
  }

  set(key: string, value: V): void {
    const had = this.#map.get(key);
    if (had !== undefined) {
      had.value = value;
      if (had === this.#newest) return;
      this.#unlink(had);
      this.#append(had);
      return;
    }
    const entry: Entry<V> = { key, value, older: undefined, newer: undefined };
    this.#map.set(key, entry);
    this.#append(entry);
    if (this.#map.size <= this.#most) return;
    this.delete((this.#oldest as Entry<V>).key);
    this.pushedOut += 1;
  }

  delete(key: string): void {
    const entry = this.#map.get(key);
    if (entry === undefined) return;
    this.#unlink(entry);
    this.#map.delete(key);
  }

  /** The oldest first. */
  *values(): Generator<V, void, undefined> {
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer) yield entry.value;
  }

  /** The first of them. */
  oldest(most: number): V[] {
    const found: V[] = [];
    for (let entry = this.#oldest; entry !== undefined && found.length < most; entry = entry.newer)
      found.push(entry.value);
    return found;
  }

  #append(entry: Entry<V>): void {
    entry.older = this.#newest;
    entry.newer = undefined;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlink({ older, newer }: Entry<V>): void {
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }
}
