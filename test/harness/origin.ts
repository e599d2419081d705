/** A backend whose answers a test decides: each path has its own, and how often each was asked for is counted. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SecureVersion } from 'node:tls';
import type { CertificateFiles } from './certificates.ts';

export interface OriginAnswer {
  status?: number;
  headers?: Record<string, string | string[]>;
  /** How long the answer takes. */
  ms?: number;
  body?: string | Buffer;
}

type Handler = (request: IncomingMessage, body: Buffer) => OriginAnswer;

export class Origin {
  readonly port: number;
  /** Requests by path, without the query. */
  readonly asked = new Map<string, IncomingMessage[]>();
  /** How many were under way at one time, at most. */
  most = 0;
  #now = 0;
  #answers = new Map<string, Handler>();
  #server: Server;
  readonly #host: string;

  /** Speaks TLS where it is given a certificate. */
  constructor(port: number, tls?: CertificateFiles & { minVersion?: SecureVersion }, host = '127.0.0.1') {
    this.port = port;
    this.#host = host;
    const serve = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#serve(request, response);
    this.#server = tls
      ? createTlsServer(
          {
            cert: readFileSync(tls.certificate),
            key: readFileSync(tls.key),
            minVersion: tls.minVersion ?? 'TLSv1.2',
          },
          serve,
        )
      : createServer(serve);
  }

  /** What requests for `path` get from now on. The body is the count of requests when none is given. */
  on(path: string, answer: OriginAnswer | Handler): void {
    this.#answers.set(path, typeof answer === 'function' ? answer : () => answer);
    this.asked.delete(path);
  }

  /** How often `path` was asked for since on(). */
  count(path: string): number {
    return this.asked.get(path)?.length ?? 0;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const asked = [...(this.asked.get(path) ?? []), request];
    this.asked.set(path, asked);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.most = Math.max(this.most, ++this.#now);
    const {
      status = 200,
      headers = {},
      ms = 0,
      body,
    } = this.#answers.get(path)?.(request, Buffer.concat(chunks)) ?? {
      status: 404,
    };
    if (ms > 0) await sleep(ms);
    this.#now -= 1;
    const content = body ?? `${path} ${asked.length}`;
    response.writeHead(status, {
      'Content-Type': 'text/plain',
      'Content-Length': Buffer.byteLength(content),
      ...headers,
    });
    response.end(request.method === 'HEAD' || status === 304 ? undefined : content);
  }

  start(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.port, this.#host, resolve));
  }

  /** Ends it; it can be started again. */
  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
