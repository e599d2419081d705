/** Reports to a scorer, as a gateway makes them (POST /score_ip), with the leases that it has. */
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
  return { ip: clientAddress(k), hits, paths, ...(assets > 0 ? { assets } : {}) };
}

interface Verdict {
  ip: string;
  tier: string;
  lease?: { hits: number; ttl_ms: number };
}
/** What is left of a lease: hits until another is asked for, and until when it holds. */
interface Held {
  tier: string;
  hits: number;
  /** Hits that are left of it. */
  left: number;
  until: number;
}
const BEST = 'fast';

const hitsOf = ({ hits }: ReportedClient): number => hits.reduce((sum, [, n]) => sum + n, 0);

/** The leases that a gateway has. */
export class Leases {
  /** Leases given so far. */
  granted = 0;
  readonly #held = new Map<string, Held>();

  /** What a gateway says of a client that it knows: its tier, and whether its lease holds. */
  of(client: ReportedClient): { tier?: string; leased?: number } {
    const held = this.#held.get(client.ip);
    if (held === undefined) return {};
    held.hits -= hitsOf(client);
    held.left -= hitsOf(client);
    return {
      ...(held.tier === BEST ? {} : { tier: held.tier }),
      ...(held.hits > 0 && Date.now() < held.until ? { leased: held.left } : {}),
    };
  }

  take(verdicts: readonly Verdict[]): void {
    for (const { ip, tier, lease } of verdicts) {
      if (lease === undefined) continue;
      this.granted += 1;
      const [hits, until] = [0.75 * lease.hits, Date.now() + lease.ttl_ms];
      this.#held.set(ip, { tier, hits, left: lease.hits, until });
    }
  }
}

/** One sender: one report under way at a time, over one connection. */
export class Sender {
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;
  readonly #name: string;
  readonly #leases: Leases;
  #seq = 0;

  /**
   * @param name the third part of a sender's name: all are workers of one gateway
   * @param leases those of the gateway
   */
  constructor(port: number, name: string, leases = new Leases()) {
    this.#leases = leases;
    this.#port = port;
    this.#name = name;
  }

  /** Sends a report and takes the leases of the answer. Throws when it is not 200. */
  async post(clients: readonly ReportedClient[]): Promise<void> {
    this.#seq += 1;
    const told = clients.map((client) => ({ ...client, ...this.#leases.of(client) }));
    const report = { sender: `bench/1/${this.#name}`, seq: this.#seq, held: 0, clients: told };
    const { verdicts } = JSON.parse(await this.#send(JSON.stringify(report))) as { verdicts: Verdict[] };
    this.#leases.take(verdicts);
  }

  #send(body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const to = { host: '127.0.0.1', port: this.#port, path: '/score_ip', method: 'POST', headers };
      const request = http.request({ ...to, agent: this.#agent, timeout: 10_000 }, (response) => {
        const ok = response.statusCode === 200;
        const refused = new Error(`the scorer answers a report with ${response.statusCode}`);
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.once('end', () => (ok ? resolve(text) : reject(refused)));
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
