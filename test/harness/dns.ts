/** A name server for a test: names with addresses of IPv4 that the test chooses, over UDP, and over TCP where told. */
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';

export interface NameRecord {
  addresses: string[];
  ttl_s: number;
}

const A = 1;
const TRUNCATED = 0x0200;

export class NameServer {
  readonly port: number;
  readonly names = new Map<string, NameRecord>();
  /** Questions for addresses of IPv4 so far. */
  asked = 0;
  /** Answers over UDP say only that there is more. */
  truncated = false;
  /** No answer comes. */
  silent = false;
  readonly #udp: Socket = createSocket('udp4');
  readonly #tcp: Server;

  constructor(port: number) {
    this.port = port;
    this.#udp.on('message', (question, peer) => {
      const answer = this.#answer(question, this.truncated);
      if (!this.silent) this.#udp.send(answer, peer.port, peer.address);
    });
    this.#tcp = createServer((socket) =>
      socket.on('data', (data) => {
        const answer = this.#answer(data.subarray(2), false);
        const size = Buffer.alloc(2);
        size.writeUInt16BE(answer.length);
        socket.end(Buffer.concat([size, answer]));
      }),
    );
  }

  #answer(question: Buffer, truncated: boolean): Buffer {
    const labels: string[] = [];
    let at = 12;
    for (let size = question.readUInt8(at); size > 0; size = question.readUInt8(at)) {
      labels.push(question.toString('latin1', at + 1, at + 1 + size));
      at += size + 1;
    }
    const kind = question.readUInt16BE(at + 1);
    if (kind === A) this.asked += 1;
    const found = this.names.get(labels.join('.'));
    const addresses = kind === A && !truncated ? (found?.addresses ?? []) : [];
    const head = Buffer.from(question.subarray(0, 12));
    head.writeUInt16BE(0x8180 | (truncated ? TRUNCATED : 0) | (found ? 0 : 3), 2);
    head.writeUInt16BE(addresses.length, 6);
    const records = addresses.map((address) => {
      const record = Buffer.alloc(16);
      record.writeUInt16BE(0xc00c, 0); // the name of the question
      record.writeUInt16BE(A, 2);
      record.writeUInt16BE(1, 4);
      record.writeUInt32BE(found?.ttl_s ?? 0, 6);
      record.writeUInt16BE(4, 10);
      address.split('.').forEach((octet, i) => record.writeUInt8(Number(octet), 12 + i));
      return record;
    });
    return Buffer.concat([head, question.subarray(12, at + 5), ...records]);
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#udp.bind(this.port, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => this.#tcp.listen(this.port, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#udp.close(resolve));
    await new Promise<void>((resolve) => this.#tcp.close(() => resolve()));
  }
}
