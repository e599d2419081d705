/**
 * Baseline (c): what CrowdSec's scenarios http-probing, http-crawl-non_statics and http-bad-user-agent would have done
 * (hub.crowdsec.net: capacity 10, leak 10 s, over distinct missing paths; capacity 40, leak 0.5 s, over distinct paths
 * that are no assets; capacity 1, leak 1 min, over known bad agents).
 */
import { isAsset, pathOf } from '../scorer/observations.ts';
import type { Entry } from './entry.ts';
import { agentOf } from './evidence.ts';

class Bucket {
  #level = 0;
  #last = 0;
  readonly #seen = new Set<string>();
  readonly capacity: number;
  readonly leakS: number;
  constructor(capacity: number, leakS: number) {
    this.capacity = capacity;
    this.leakS = leakS;
  }
  /** @param what counted once while the bucket is not empty; '' counts always. @returns whether it overflows */
  pour(time: number, what: string): boolean {
    this.#level = Math.max(0, this.#level - (time - this.#last) / this.leakS);
    this.#last = time;
    if (this.#level === 0) this.#seen.clear();
    if (what !== '') {
      if (this.#seen.has(what)) return false;
      this.#seen.add(what);
    }
    this.#level += 1;
    return this.#level > this.capacity;
  }
}

/** A client's buckets. */
export class Buckets {
  readonly #probing = new Bucket(10, 10);
  readonly #crawling = new Bucket(40, 0.5);
  readonly #agents = new Bucket(1, 60);
  #over = false;

  /** @returns whether a bucket has overflowed since the last request, or does with this one */
  arrive({ time, method, target, userAgent }: Entry): boolean {
    const path = pathOf(target);
    let over = this.#over;
    this.#over = false;
    if ((method === 'GET' || method === 'HEAD') && !isAsset(path))
      over = this.#crawling.pour(time, path) || over;
    if (agentOf(userAgent).scanner) over = this.#agents.pour(time, '') || over;
    return over;
  }

  /** Once the answer is known. */
  end({ time, target, status }: Entry): void {
    if (status !== 404 && status !== 403 && status !== 400) return;
    const path = pathOf(target);
    if (!isAsset(path) && this.#probing.pour(time, path)) this.#over = true;
  }
}
