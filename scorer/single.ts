/**
 * Hits that come one at a time (`&hit=1`, /auth), counted as a gateway's are: in batches, one under way at a time.
 * While one is under way the next fills, so many callers cost few round trips.
 */
import type { Added } from './observations.ts';
import { toReported } from './observations.ts';
import type { WireVerdict } from './schemas.ts';
import type { Service } from './service.ts';

interface Waiting {
  ip: string;
  added: Added;
  resolve: (verdict: WireVerdict) => void;
  reject: (error: unknown) => void;
}

const MOST = 512;

export class Singles {
  readonly #service: Service;
  readonly #sender: string;
  #seq = 0;
  #waiting: Waiting[] = [];
  #busy = false;

  constructor(service: Service) {
    this.#service = service;
    this.#sender = `scorer-${process.pid}/${Date.now().toString(36)}/0`;
  }

  /** @param ip a client key; @returns the verdict after this hit */
  count(ip: string, added: Added): Promise<WireVerdict> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ip, added, resolve, reject });
      if (!this.#busy) void this.#send();
    });
  }

  async #send(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MOST);
      try {
        const clients = batch.map(({ ip, added }) => ({
          ip,
          hits: [[0, 1]] as [number, number][],
          ...toReported(added),
        }));
        this.#seq += 1;
        const answer = await this.#service.report(
          { sender: this.#sender, seq: this.#seq, held: 0, clients },
          '',
        );
        batch.forEach(({ resolve }, i) => resolve(answer.verdicts[i] as WireVerdict));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#busy = false;
  }
}
