/** Sends an exact number of requests over one kept connection, one after the other, at most so many a second. */
import { connect, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a browser sends: Chrome's navigation on Linux, with a cookie of a site's session. */
export const BROWSER: Record<string, string> = {
  'User-Agent':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  Accept:
    'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7',
  'Accept-Language': 'en-US,en;q=0.9',
  'Accept-Encoding': 'gzip, deflate, br, zstd',
  Referer: 'https://www.example.com/articles/',
  Cookie:
    '_ga=GA1.1.1234567890.1720000000; session=4f1d9c2ab07e4e6f9d3c5b8a7e6f1c20; theme=dark; consent=all',
};

/** The address of client `k`, from 0: 10.0.0.0/8, as in wrk.lua. */
export const clientAddress = (k: number): string => `10.${(k >> 16) & 255}.${(k >> 8) & 255}.${k & 255}`;

/** The text of client `k`'s request. */
export function requestText(k: number, headers: Record<string, string>): string {
  const all = { Host: 'www.example.com', 'X-Forwarded-For': clientAddress(k), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `GET /articles/bench.html HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

export interface Drive {
  port: number;
  /** The text of request `i`, from 0. */
  request: (i: number) => string;
  count: number;
  /** Requests per second at most. */
  rate?: number;
}

/** Resolves with the milliseconds that each answer took. Throws when one is not 200 or does not come within 10 s. */
export async function drive({ port, request, count, rate = Infinity }: Drive): Promise<Float64Array> {
  const times = new Float64Array(count);
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  const started = performance.now();
  try {
    for (let i = 0; i < count; i++) {
      const due = started + (i / rate) * 1000;
      const early = due - performance.now();
      if (early > 0) await sleep(early);
      const sent = performance.now();
      await exchange(socket, request(i));
      times[i] = performance.now() - sent;
    }
  } finally {
    socket.destroy();
  }
  return times;
}

/** One request and its whole answer, whose length is in its head. */
export function exchange(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const end = (error?: Error): void => {
      socket.off('data', data).off('error', end).off('close', closed);
      clearTimeout(timer);
      if (error) reject(error);
      else resolve();
    };
    const closed = (): void => end(new Error('the connection was closed before the answer'));
    const timer = setTimeout(() => end(new Error('no answer within 10 s')), 10_000);
    const data = (part: Buffer): void => {
      answer += part.toString('latin1');
      const head = answer.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/^content-length: *(\d+)/im.exec(answer)?.[1] ?? NaN);
      if (!/^HTTP\/1\.1 200 /.test(answer) || Number.isNaN(length)) {
        return end(new Error(`not the backend's answer: ${answer.slice(0, 200)}`));
      }
      if (answer.length >= head + 4 + length) end();
    };
    socket.on('data', data).on('error', end).on('close', closed);
    socket.write(text);
  });
}
