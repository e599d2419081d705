/** A gateway of which parts are broken under 2,000 requests/s. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startGateway, until, type Gateway, type LogLine } from '../harness/gateway.ts';
import { load, type LoadResult } from '../harness/load.ts';
import { writeModel } from '../scorer/models.ts';
export const RATE = 2000;

export class Chaos {
  readonly #models = mkdtempSync(join(tmpdir(), 'scoregate-models-'));
  readonly model = join(this.#models, 'model');
  gateway!: Gateway;
  #read = 0;

  async start(): Promise<void> {
    writeModel(this.model, { middle: 200 });
    this.gateway = await startGateway({ port: 16200, config: { workers: 2, model: this.model } });
    // What breaks is measured on processes that have warmed up: code that just started is slow by itself.
    await this.under(2, () => Promise.resolve());
    await this.logged();
  }

  async stop(): Promise<void> {
    await this.gateway.stop();
    rmSync(this.#models, { recursive: true });
  }

  /** Loads the gateway for `seconds` while `breaks` runs; asserts that no request failed. */
  async under(seconds: number, breaks: () => Promise<unknown>, clients = 400): Promise<LoadResult> {
    const request = (k: number): { path: string; headers: Record<string, string> } => ({
      path: `/page${k % 50}`,
      headers: {
        'X-Forwarded-For': `10.2.${(k % clients) >> 8}.${(k % clients) & 255}`,
        Referer: 'http://site/',
      },
    });
    const [result] = await Promise.all([
      load({ port: this.gateway.port, rate: RATE, seconds, request }),
      breaks(),
    ]);
    assert.deepEqual(result.failed, {});
    assert.equal(result.answered, result.sent);
    return result;
  }

  /** The lines logged since the call before. */
  async logged(): Promise<LogLine[]> {
    const lines = await this.gateway.log();
    const since = lines.slice(this.#read);
    this.#read = lines.length;
    return since;
  }

  async recovered(): Promise<void> {
    const closed = async (): Promise<boolean> => (await this.gateway.metric('scoregate_breaker_open')) === 0;
    await until(closed, 10_000, 'the breaker stays open');
    await this.gateway.drained();
  }
}

export function assertWaits(lines: LogLine[]): void {
  const waits = lines.map((line) => Number(line.wait_ms)).sort((a, b) => a - b);
  const p999 = waits[Math.floor(waits.length * 0.999)] ?? 0;
  assert.ok(p999 <= 30, `p99.9 of the wait is ${p999} ms`);
}
