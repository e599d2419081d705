/** Reports to a scorer, as a gateway makes them (POST /score_ip). */
import http from 'node:http';
import { clientAddress } from './drive.ts';

export interface ReportedClient {
  ip: string;
  hits: [number, number][];
  [observation: string]: unknown;
}

/** Client `k` with `hits` pairs of age and hits, and what a browser's requests show: pages with assets. */
export function browsing(k: number, hits: [number, number][]): ReportedClient {
  const n = hits.reduce((sum, [, count]) => sum + count, 0);
  // Any eight bytes will do for the paths; each client has some of its own.
  const paths = ((k * 2654435761) >>> 0).toString(16).padStart(8, '0').repeat(2);
  const assets = Math.floor(n / 2);
  return { ip: clientAddress(k), hits, bytes: 4000 * n, paths, ...(assets > 0 ? { assets } : {}) };
}

/** One sender: one report under way at a time, over one connection. */
export class Sender {
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;
  readonly #name: string;
  #seq = 0;

  /** @param name the third part of a sender's name: all are workers of one gateway */
  constructor(port: number, name: string) {
    this.#port = port;
    this.#name = name;
  }

  /** Sends a report and waits for the answer. Throws when it is not 200. */
  post(clients: readonly ReportedClient[]): Promise<void> {
    this.#seq += 1;
    const body = JSON.stringify({ sender: `bench/1/${this.#name}`, seq: this.#seq, held: 0, clients });
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const to = { host: '127.0.0.1', port: this.#port, path: '/score_ip', method: 'POST', headers };
      const request = http.request({ ...to, agent: this.#agent, timeout: 10_000 }, (response) => {
        response.resume();
        const ok = response.statusCode === 200;
        const refused = new Error(`the scorer answers a report with ${response.statusCode}`);
        response.once('end', () => (ok ? resolve() : reject(refused)));
      });
      request.once('timeout', () => request.destroy(new Error('the scorer does not answer within 10 s')));
      request.once('error', reject);
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
