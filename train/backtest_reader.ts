/** The thread that reads the logs of a backtest, while the main thread replays what was read. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { arrivals, newSource, type Arrival, type Source } from './backtest_source.ts';
import { Packer, type Packed } from './backtest_wire.ts';
import { LogError } from './parse.ts';

export interface Order {
  files: string[];
}
/** First of all, that it can read; then arrivals; then the end, with what was counted, or what is wrong with a log. */
export type Message =
  | { ready: true }
  | { packed: Packed }
  | { source: Source }
  | { error: { code: LogError['code']; file: string; message: string } };

/** Arrivals in a message, at least: a log that overlaps another comes in small pieces. */
const PIECE = 4096;
const port = parentPort as MessagePort;
/** Messages that the main thread has asked for. */
let asked = 0;
let wake = (): void => undefined;
port.on('message', () => {
  asked += 1;
  wake();
});
async function turn(): Promise<void> {
  if (asked === 0) await new Promise<void>((resolve) => (wake = resolve));
  asked -= 1;
}

async function send(packer: Packer, piece: Arrival[]): Promise<void> {
  await turn();
  const packed = packer.pack(piece);
  port.postMessage({ packed } satisfies Message, [packed.numbers.buffer as ArrayBuffer]);
}

async function read({ files }: Order): Promise<Message> {
  const packer = new Packer();
  const source = newSource();
  let piece: Arrival[] = [];
  await turn();
  try {
    for await (const batch of arrivals(files, source)) {
      for (const arrival of batch) piece.push(arrival);
      if (piece.length < PIECE) continue;
      await send(packer, piece);
      piece = [];
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    const { code, file, message } = error;
    return { error: { code, file, message } };
  }
  await send(packer, piece);
  return { source };
}

port.postMessage({ ready: true } satisfies Message);
port.postMessage(await read(workerData as Order));
port.close();
