/** A stand-in for the scorer that misbehaves as a test asks, and knows what was reported to it. */
import { createServer, type Server } from 'node:http';

export type Behaviour =
  'well' | 'garbage' | 'late' | 'slow' | 'lost answer' | 'error' | 'bad length' | 'bad changes';
interface Reported {
  ip: string;
  hits?: [number, number][];
  [observation: string]: unknown;
}
interface Report {
  sender: string;
  seq: number;
  clients: Reported[];
}

const PIN = { tier: 'slow', origin: 'pinned' };

export class FakeScorer {
  behaviour: Behaviour = 'well';
  /** Hits counted, each report once. */
  hits = 0;
  /** Reports that had been counted before. */
  repeated = 0;
  /** Clients that had more hits than `line` are slow. */
  line = Infinity;
  /** Verdicts say that somebody has pinned the client. */
  pinned = false;
  /** No lease has more hits than this. */
  longest = 1024;
  /** What was last reported of each client with a hit. */
  readonly reports = new Map<string, Reported>();
  /** What was counted of each client, over all reports, by observation. */
  readonly counted = new Map<string, Record<string, number>>();
  #answers = 0;
  readonly #last = new Map<string, number>();
  readonly #clients = new Map<string, number>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      let body = '';
      request.on('data', (data: Buffer) => (body += data.toString()));
      request.on('end', () => {
        const text = this.#answer(body);
        if (this.behaviour === 'lost answer' && this.#answers++ % 3 === 0) return response.destroy();
        if (this.behaviour === 'error') response.statusCode = 503;
        if (this.behaviour === 'bad length') {
          response.socket?.end('HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}');
          return undefined;
        }
        const send = (): unknown =>
          response.setHeader('content-length', Buffer.byteLength(text)) && response.end(text);
        const delay = { late: 1000, slow: 60 }[this.behaviour as string];
        if (delay !== undefined) setTimeout(send, delay);
        else send();
        return undefined;
      });
    });
  }

  #answer(body: string): string {
    const report = JSON.parse(body) as Report;
    const fresh = report.seq > (this.#last.get(report.sender) ?? 0);
    this.#last.set(report.sender, Math.max(report.seq, this.#last.get(report.sender) ?? 0));
    if (!fresh) this.repeated++;
    for (const client of report.clients) {
      if (client.hits) this.reports.set(client.ip, client);
      if (fresh) this.#count(client);
    }
    const verdicts = report.clients.map(({ ip, hits = [] }) => {
      const n = fresh ? hits.reduce((sum, [, count]) => sum + count, 0) : 0;
      this.hits += n;
      const total = (this.#clients.get(ip) ?? 0) + n;
      this.#clients.set(ip, total);
      const slow = total > this.line;
      const left = slow ? 1024 : Math.min(this.longest, this.line - total);
      const lease = { hits: left, errors: 1024, signs: 1024, harmless: 0xffff, ttl_ms: 60000 };
      return {
        ip,
        score: slow ? 0.9 : 0.1,
        tier: slow ? 'slow' : 'fast',
        requests_60s: total,
        lease,
        ...(this.pinned && PIN),
      };
    });
    if (this.behaviour === 'garbage') return '{"verdicts": [{"score": "high"}], "gener';
    const bad = this.behaviour === 'bad changes';
    const [generation, changes] = bad ? [2, [1, null]] : [1, []];
    return JSON.stringify({ verdicts, generation, changes, gateways: 1, model: 'fake' });
  }

  #count({ ip, ...rest }: Reported): void {
    const counted = this.counted.get(ip) ?? {};
    for (const [name, n] of Object.entries(rest))
      if (typeof n === 'number') counted[name] = (counted[name] ?? 0) + n;
    this.counted.set(ip, counted);
  }

  listen(port: number, host = '127.0.0.1'): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, host, resolve));
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
