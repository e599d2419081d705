/** Logs → requests in the order in which they arrived, as backtest_source.ts says, read by a thread of its own. */
import { on, once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Message, Order } from './backtest_reader.ts';
import type { Arrival, Source } from './backtest_source.ts';
import { Unpacker } from './backtest_wire.ts';
import { LogError } from './parse.ts';

const WORKER = new URL('../launch/worker.mjs', import.meta.url);
const MODULE = new URL('./backtest_reader.ts', import.meta.url).href;
/** What lives no longer than a piece of a log should not be moved. */
const YOUNG_MB = 64;

/** Messages that may wait for the main thread, which is slower with some models. */
const AHEAD = 16;

/** The thread. It is made ready while the models are loaded, but reads only when it is asked. */
export class Reader {
  readonly #worker: Worker;
  /** Once its program is loaded. */
  readonly ready: Promise<unknown>;

  constructor(files: readonly string[]) {
    const order: Order & { module: string } = { module: MODULE, files: [...files] };
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
    this.#worker = new Worker(WORKER, { workerData: order, resourceLimits });
    this.ready = once(this.#worker, 'message');
  }

  /**
   * @param source what is counted: true at the end
   * @throws LogError when a file cannot be read or none of its lines fits
   */
  async *arrivals(source: Source): AsyncGenerator<Arrival[]> {
    await this.ready;
    const unpacker = new Unpacker();
    const messages = on(this.#worker, 'message') as AsyncIterable<[Exclude<Message, { ready: true }>]>;
    for (let i = 0; i < AHEAD; i++) this.#worker.postMessage(null);
    for await (const [message] of messages) {
      if ('error' in message) {
        const { code, file, message: text } = message.error;
        throw new LogError(code, file, text);
      }
      if ('source' in message) {
        Object.assign(source, message.source);
        return;
      }
      this.#worker.postMessage(null);
      yield unpacker.unpack(message.packed);
    }
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
