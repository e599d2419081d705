/** Arrivals between threads: numbers in one array, which changes hands without a copy, and each client and look once. */
import type { Look } from '../scorer/observations.ts';
import type { Arrival } from './backtest_source.ts';
import type { Who } from './logs.ts';

export interface Packed {
  /** COLUMNS numbers for each arrival. */
  numbers: Float64Array;
  /** What was not sent before. The first of the looks is number `from`. */
  clients: Who[];
  looks: { from: number; added: Look[] };
}

const COLUMNS = 9;
/** So many looks are remembered; then their numbering begins anew. */
const MOST = 1 << 18;

/** Gives looks numbers. */
class Numbers {
  readonly #known = new Map<Look, number>();
  #from = 0;
  #added: Look[] = [];

  of(look: Look): number {
    let n = this.#known.get(look);
    if (n !== undefined) return n;
    n = this.#known.size;
    this.#known.set(look, n);
    this.#added.push(look);
    return n;
  }

  /** What was given a number since the last call. */
  taken(): Packed['looks'] {
    const taken = { from: this.#from, added: this.#added };
    this.#added = [];
    if (this.#known.size >= MOST) this.#known.clear();
    this.#from = this.#known.size;
    return taken;
  }
}

export class Packer {
  /** By number: whether a client was sent. */
  readonly #sent: boolean[] = [];
  readonly #looks = new Numbers();

  pack(arrivals: readonly Arrival[]): Packed {
    const numbers = new Float64Array(COLUMNS * arrivals.length);
    const clients: Who[] = [];
    let i = 0;
    for (const { place, time, at, ends, status, bytes, client, arrived, answered } of arrivals) {
      numbers[i++] = place;
      numbers[i++] = time;
      numbers[i++] = at;
      numbers[i++] = ends;
      numbers[i++] = status;
      numbers[i++] = bytes;
      numbers[i++] = client.number;
      numbers[i++] = this.#looks.of(arrived);
      numbers[i++] = this.#looks.of(answered);
      if (this.#sent[client.number] === true) continue;
      this.#sent[client.number] = true;
      clients.push(client);
    }
    return { numbers, clients, looks: this.#looks.taken() };
  }
}

export class Unpacker {
  readonly #clients: Who[] = [];
  readonly #looks: Look[] = [];

  unpack({ numbers, clients, looks }: Packed): Arrival[] {
    for (const client of clients) this.#clients[client.number] = client;
    this.#looks.length = looks.from;
    for (const look of looks.added) this.#looks.push(look);
    const arrivals: Arrival[] = [];
    for (let i = 0; i < numbers.length; i += COLUMNS) {
      arrivals.push({
        place: numbers[i] as number,
        time: numbers[i + 1] as number,
        at: numbers[i + 2] as number,
        ends: numbers[i + 3] as number,
        status: numbers[i + 4] as number,
        bytes: numbers[i + 5] as number,
        client: this.#clients[numbers[i + 6] as number] as Who,
        arrived: this.#looks[numbers[i + 7] as number] as Look,
        answered: this.#looks[numbers[i + 8] as number] as Look,
      });
    }
    return arrivals;
  }
}
