/** A gateway before one backend of a test file's own, up from the file's first test to its last. */
import { after, before } from 'node:test';
import { startGateway, type Gateway } from './gateway.ts';
import { Origin } from './origin.ts';

export interface Got {
  /** X-Cache. */
  cache: string | null;
  status: number;
  body: string;
  headers: Headers;
}

export class CachedSite {
  readonly origin: Origin;
  gateway!: Gateway;

  /** @param config of the gateway, whose backend is on port + 15. @param more as startGateway() takes it */
  constructor(port: number, config: Record<string, unknown>, more: { noScorer?: boolean } = {}) {
    this.origin = new Origin(port + 15);
    before(async () => {
      await this.origin.start();
      this.gateway = await startGateway({ port, config, ...more });
    });
    after(async () => {
      await this.gateway.stop();
      await this.origin.stop();
    });
  }

  async get(path: string, headers: Record<string, string> = {}, ip = '192.0.2.1'): Promise<Got> {
    const answer = await this.gateway.get(path, ip, headers);
    const { status, headers: told } = answer;
    return { cache: told.get('x-cache'), status, body: await answer.text(), headers: told };
  }
}
