/** Stands between a gateway and its scorer and remembers every report with its answer, a whole one. */
import { createServer, type Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Report } from '../../scorer/schemas.ts';

export interface Verdict {
  ip: string;
  score: number;
  tier: string;
  requests_60s: number;
  lease?: { hits: number; errors: number; signs: number; harmless: number; ttl_ms: number };
}
export interface Exchange {
  report: Report;
  verdicts: Verdict[];
  /** The Unix seconds in which the scorer may have counted it: one, unless it ended while the report was on its way. */
  seconds: number[];
}

/** No report is passed on so shortly before a second ends. */
const TURN_MS = 200;

const second = (): number => Math.floor(Date.now() / 1000);

export class Relay {
  /** In the order in which they were counted. */
  readonly exchanges: Exchange[] = [];
  /** Reports that had no answer of status 200. */
  failed = 0;
  readonly #server: Server;
  #last: Promise<void> = Promise.resolve();

  constructor(scorerPort: number) {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (data: Buffer) => chunks.push(data));
      request.on('end', () => {
        // One after the other, so that the order here is the order in which they were counted.
        this.#last = this.#last.then(async () => {
          const report = JSON.parse(Buffer.concat(chunks).toString()) as Report;
          delete report.brief;
          const body = JSON.stringify(report);
          const [status, text] = await this.#pass(scorerPort, body);
          response.writeHead(status, { 'Content-Length': Buffer.byteLength(text) }).end(text);
        });
      });
    });
  }

  async #pass(port: number, body: string): Promise<[number, string]> {
    // What a report says of ages is counted from the second in which it is counted, so that must be known.
    const left = 1000 - (Date.now() % 1000);
    if (left < TURN_MS) await sleep(left);
    const from = second();
    try {
      const headers = { 'Content-Type': 'application/json' };
      const answer = await fetch(`http://127.0.0.1:${port}/score_ip`, { method: 'POST', headers, body });
      const text = await answer.text();
      if (answer.status !== 200) this.failed += 1;
      else {
        const { verdicts } = JSON.parse(text) as { verdicts: Verdict[] };
        this.exchanges.push({
          report: JSON.parse(body) as Report,
          verdicts,
          seconds: [...new Set([from, second()])],
        });
      }
      return [answer.status, text];
    } catch {
      this.failed += 1;
      return [502, '{}'];
    }
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
