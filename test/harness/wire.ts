/**
 * HTTP/1.1 over sockets, one request at a time on each: what a load generator needs of it, for a third of what
 * node:http takes. A test shares two cores with what it loads.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface Target {
  path: string;
  headers?: Record<string, string>;
  method?: string;
}
export interface Answer {
  status: number;
  /** Names in small letters. */
  headers: Record<string, string>;
}

/** The connection closed before any byte of an answer: the request may be sent again (RFC 9110 §9.2.2). */
export class Closed extends Error {}

interface Head extends Answer {
  /** Where the body begins. */
  body: number;
}

function headOf(data: Buffer): Head | null {
  const end = data.indexOf('\r\n\r\n');
  if (end < 0) return null;
  const [first = '', ...lines] = data.toString('latin1', 0, end).split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return { status: Number(first.split(' ', 2)[1]), headers, body: end + 4 };
}

/** Whether a chunked body that begins at `at` is whole. */
function isWholeChunked(data: Buffer, at: number): boolean {
  for (;;) {
    const end = data.indexOf('\r\n', at);
    if (end < 0) return false;
    const size = parseInt(data.toString('latin1', at, end), 16);
    at = end + 2 + size + 2;
    if (size === 0 || Number.isNaN(size)) return data.length >= at;
  }
}

/** Whether the answer is whole; null where only the end of its connection says so. */
function isWhole(data: Buffer, head: Head, method: string): boolean | null {
  const { status, headers, body } = head;
  if (method === 'HEAD' || status === 204 || status === 304) return true;
  if (headers['transfer-encoding'] === 'chunked') return isWholeChunked(data, body);
  const length = headers['content-length'];
  return length === undefined ? null : data.length - body >= Number(length);
}

class Wire {
  readonly #socket: Socket;
  #data: Buffer | null = null;
  #method = 'GET';
  #settle: ((result: Answer | Error) => void) | null = null;
  usable = true;

  constructor(port: number, ca?: readonly string[]) {
    const to = { port, host: '127.0.0.1' };
    this.#socket = ca ? connectTls({ ...to, ca: [...ca] }) : connectTcp(to);
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (part: Buffer) => this.#take(part));
    this.#socket.on('error', (error) => this.#ended(error.message));
    this.#socket.on('close', () => this.#ended('closed'));
  }

  ask({ path, headers = {}, method = 'GET' }: Target, port: number, withinMs: number): Promise<Answer> {
    let text = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`;
    for (const name in headers) text += `${name}: ${headers[name]}\r\n`;
    this.#data = null;
    this.#method = method;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.end(new Error('no answer in time')), withinMs);
      this.#settle = (result) => {
        clearTimeout(timer);
        this.#settle = null;
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
      this.#socket.write(`${text}\r\n`, 'latin1');
    });
  }

  end(why: Error = new Error('ended')): void {
    this.usable = false;
    this.#settle?.(why);
    this.#socket.destroy();
  }

  #take(part: Buffer): void {
    const data = this.#data ? Buffer.concat([this.#data, part]) : part;
    this.#data = data;
    const head = headOf(data);
    if (!head || !isWhole(data, head, this.#method)) return;
    if (head.headers['connection'] === 'close') this.usable = false;
    this.#settle?.(head);
  }

  #ended(why: string): void {
    this.usable = false;
    const head = this.#data && headOf(this.#data);
    if (this.#data === null) this.#settle?.(new Closed(why));
    else if (head && isWhole(this.#data, head, this.#method) === null) this.#settle?.(head);
    else this.#settle?.(new Error('truncated'));
  }
}

/** At most `most` connections to a port of this machine; requests beyond them wait. */
export class Wires {
  readonly #idle: Wire[] = [];
  readonly #all = new Set<Wire>();
  readonly #waiting: (() => void)[] = [];
  readonly #port: number;
  readonly #most: number;
  readonly #ca: readonly string[] | undefined;

  constructor(port: number, most: number, ca?: readonly string[]) {
    this.#port = port;
    this.#most = most;
    this.#ca = ca;
  }

  /** Sends a request; `fresh`: on a connection of its own. Rejects with Closed, or with what was wrong. */
  async ask(target: Target, withinMs: number, fresh = false): Promise<Answer> {
    const deadline = performance.now() + withinMs;
    if (!fresh && this.#idle.length === 0 && this.#all.size >= this.#most)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const left = deadline - performance.now();
    const wire = (fresh ? undefined : this.#next()) ?? this.#open();
    try {
      if (left <= 0) throw new Error('no answer in time');
      return await wire.ask(target, this.#port, left);
    } finally {
      if (fresh || !wire.usable) {
        wire.end();
        this.#all.delete(wire);
      } else this.#idle.push(wire);
      this.#waiting.shift()?.();
    }
  }

  end(): void {
    for (const wire of this.#all) wire.end();
  }

  #next(): Wire | undefined {
    for (;;) {
      const wire = this.#idle.pop();
      if (!wire || wire.usable) return wire;
      this.#all.delete(wire);
    }
  }

  #open(): Wire {
    const wire = new Wire(this.#port, this.#ca);
    this.#all.add(wire);
    return wire;
  }
}
