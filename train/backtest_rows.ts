/** One row for each request, in the log's order, though requests are decided in the order in which they arrived. */
import type { Arrival } from './backtest_source.ts';
import type { Routed } from './backtest_gateway.ts';
import { Output } from './output.ts';

const PIECE = 1 << 16;
const HEAD = 'time,client,tier,score\n';

let lastSecond = NaN;
let lastText = '';
/** Unix seconds as ISO 8601, with milliseconds where there are some. */
export function isoTime(time: number): string {
  if (!Number.isInteger(time)) return new Date(Math.round(time * 1000)).toISOString();
  if (time !== lastSecond) {
    lastSecond = time;
    lastText = new Date(time * 1000).toISOString().replace('.000', '');
  }
  return lastText;
}

export class Rows {
  readonly #file: Output;
  readonly #csv: boolean;
  readonly #tiers: readonly string[];
  #text = '';
  #next = 0;
  /** Decided before one that stands before them in the log. */
  readonly #ahead = new Map<number, string>();

  /** @throws OutputError if the file cannot be written, or is one of the logs */
  constructor(out: string, tiers: readonly string[], logs: readonly string[]) {
    this.#file = new Output('--out', out, logs);
    this.#csv = out.endsWith('.csv');
    this.#tiers = tiers;
    if (this.#csv) this.#text = HEAD;
  }

  add({ time, client, place }: Arrival, { tier, score }: Routed): void {
    const line = this.#line(isoTime(time), client.key, this.#tiers[tier] as string, score);
    if (place !== this.#next) {
      this.#ahead.set(place, line);
      return;
    }
    this.#text += line;
    this.#next += 1;
    for (let more = this.#ahead.get(this.#next); more !== undefined; more = this.#ahead.get(this.#next)) {
      this.#ahead.delete(this.#next++);
      this.#text += more;
    }
    if (this.#text.length >= PIECE) this.#write();
  }

  /** All are there. @throws OutputError */
  close(): void {
    this.#write();
    this.#file.close();
  }

  /** Not all will be. */
  discard(): void {
    this.#file.discard();
  }

  // Nothing in these fields needs quotes: an address, a tier's name (letters, digits, - and _), numbers.
  #line(time: string, client: string, tier: string, score: number): string {
    if (this.#csv) return `${time},${client},${tier},${score}\n`;
    return `{"time":"${time}","client":"${client}","tier":"${tier}","score":${score}}\n`;
  }

  #write(): void {
    this.#file.write(this.#text);
    this.#text = '';
  }
}
