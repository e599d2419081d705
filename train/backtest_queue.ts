/** What is due, in the order of time; of equal times, what came first comes first. */
export class Queue<T> {
  // Two lists: one of pairs would cost an object and a boxed number for each.
  #times: number[] = [];
  #items: T[] = [];
  #first = 0;

  /** When the next is due; Infinity when nothing is. */
  get next(): number {
    return this.#first < this.#times.length ? (this.#times[this.#first] as number) : Infinity;
  }

  /** What is due next. */
  get first(): T | undefined {
    return this.#first < this.#items.length ? this.#items[this.#first] : undefined;
  }

  /** What comes is nearly in order, so its place is looked for from the end. */
  add(time: number, item: T): void {
    const times = this.#times;
    let at = times.length;
    while (at > this.#first && (times[at - 1] as number) > time) at--;
    if (at === times.length) {
      times.push(time);
      this.#items.push(item);
    } else {
      times.splice(at, 0, time);
      this.#items.splice(at, 0, item);
    }
  }

  /** Takes the next. @throws Error if there is none */
  take(): T {
    if (this.#first >= this.#items.length) throw new Error('nothing is due');
    const item = this.#items[this.#first] as T;
    this.#first += 1;
    if (this.#first > 1024 && 2 * this.#first > this.#items.length) {
      this.#times.splice(0, this.#first);
      this.#items.splice(0, this.#first);
      this.#first = 0;
    }
    return item;
  }
}
