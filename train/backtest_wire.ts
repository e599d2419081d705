/** Arrivals between threads: numbers in one array, which changes hands without a copy, and each text and look once. */
import type { Look } from '../scorer/observations.ts';
import type { Arrival } from './backtest_source.ts';

export interface Packed {
  /** COLUMNS numbers for each arrival. */
  numbers: Float64Array;
  /** What was not sent before; the first of them is number `from`. */
  clients: { from: number; added: string[] };
  looks: { from: number; added: Look[] };
}

const COLUMNS = 9;
/** So many are remembered; then the numbering begins anew. */
const MOST = 1 << 18;

/** Gives things numbers. */
class Numbers<T> {
  #known = new Map<T, number>();
  #from = 0;
  #added: T[] = [];

  of(item: T): number {
    let n = this.#known.get(item);
    if (n !== undefined) return n;
    n = this.#known.size;
    this.#known.set(item, n);
    this.#added.push(item);
    return n;
  }

  /** What was given a number since the last call. */
  taken(): { from: number; added: T[] } {
    const taken = { from: this.#from, added: this.#added };
    this.#added = [];
    if (this.#known.size >= MOST) this.#known.clear();
    this.#from = this.#known.size;
    return taken;
  }
}

export class Packer {
  readonly #clients = new Numbers<string>();
  readonly #looks = new Numbers<Look>();

  pack(arrivals: readonly Arrival[]): Packed {
    const numbers = new Float64Array(COLUMNS * arrivals.length);
    let i = 0;
    for (const { place, time, at, ends, status, bytes, client, arrived, answered } of arrivals) {
      numbers[i++] = place;
      numbers[i++] = time;
      numbers[i++] = at;
      numbers[i++] = ends;
      numbers[i++] = status;
      numbers[i++] = bytes;
      numbers[i++] = this.#clients.of(client);
      numbers[i++] = this.#looks.of(arrived);
      numbers[i++] = this.#looks.of(answered);
    }
    return { numbers, clients: this.#clients.taken(), looks: this.#looks.taken() };
  }
}

export class Unpacker {
  readonly #clients: string[] = [];
  readonly #looks: Look[] = [];

  unpack({ numbers, clients, looks }: Packed): Arrival[] {
    learn(this.#clients, clients);
    learn(this.#looks, looks);
    const arrivals: Arrival[] = [];
    for (let i = 0; i < numbers.length; i += COLUMNS) {
      arrivals.push({
        place: numbers[i] as number,
        time: numbers[i + 1] as number,
        at: numbers[i + 2] as number,
        ends: numbers[i + 3] as number,
        status: numbers[i + 4] as number,
        bytes: numbers[i + 5] as number,
        client: this.#clients[numbers[i + 6] as number] as string,
        arrived: this.#looks[numbers[i + 7] as number] as Look,
        answered: this.#looks[numbers[i + 8] as number] as Look,
      });
    }
    return arrivals;
  }
}

function learn<T>(known: T[], { from, added }: { from: number; added: T[] }): void {
  known.length = from;
  for (const item of added) known.push(item);
}
