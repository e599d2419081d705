/** Logs → requests in the order in which they arrived, as backtest_source.ts says, read by a thread of its own. */
import { on } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Message, Order } from './backtest_reader.ts';
import type { Arrival, Source } from './backtest_source.ts';
import { Unpacker } from './backtest_wire.ts';
import { LogError } from './parse.ts';

const WORKER = new URL('../launch/worker.mjs', import.meta.url);
const MODULE = new URL('./backtest_reader.ts', import.meta.url).href;
/** What lives no longer than a piece of a log should not be moved. */
const YOUNG_MB = 64;

/**
 * @param source what is counted: true at the end
 * @throws LogError when a file cannot be read or none of its lines fits
 */
export async function* arrivalsOf(files: readonly string[], source: Source): AsyncGenerator<Arrival[]> {
  const order: Order & { module: string } = { module: MODULE, files: [...files] };
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
  const worker = new Worker(WORKER, { workerData: order, resourceLimits });
  const unpacker = new Unpacker();
  try {
    for await (const [message] of on(worker, 'message') as AsyncIterable<[Message]>) {
      if ('error' in message) {
        const { code, file, message: text } = message.error;
        throw new LogError(code, file, text);
      }
      if ('source' in message) {
        Object.assign(source, message.source);
        return;
      }
      worker.postMessage(null);
      yield unpacker.unpack(message.packed);
    }
  } finally {
    await worker.terminate();
  }
}
