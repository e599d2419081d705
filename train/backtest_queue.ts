/** What is due, in the order of time; of equal times, what came first comes first. */
export class Queue<T> {
  #items: { time: number; item: T }[] = [];
  #first = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  /** When the next is due; Infinity when nothing is. */
  get next(): number {
    return this.#items[this.#first]?.time ?? Infinity;
  }

  /** Whether something holds of the next and of its time. @throws Error if there is none */
  isOf(holds: (item: T, time: number) => boolean): boolean {
    const next = this.#items[this.#first];
    if (next === undefined) throw new Error('nothing is due');
    return holds(next.item, next.time);
  }

  /** What comes is nearly in order, so its place is looked for from the end. */
  add(time: number, item: T): void {
    const items = this.#items;
    let at = items.length;
    while (at > this.#first && (items[at - 1] as { time: number }).time > time) at--;
    if (at === items.length) items.push({ time, item });
    else items.splice(at, 0, { time, item });
  }

  /** Takes the next. @throws Error if there is none */
  take(): T {
    const next = this.#items[this.#first];
    if (next === undefined) throw new Error('nothing is due');
    this.#first += 1;
    if (this.#first > 1024 && 2 * this.#first > this.#items.length) {
      this.#items.splice(0, this.#first);
      this.#first = 0;
    }
    return next.item;
  }
}
