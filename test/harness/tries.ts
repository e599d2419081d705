/** What a gateway's access log says of backends: each try of each request, and when requests stopped coming to one. */
import type { LogLine } from './gateway.ts';

export interface Try {
  backend: string;
  /** When it began, Unix milliseconds. */
  at: number;
  /** Whether another backend had been tried before. */
  again: boolean;
}

const seconds = (text: string): number => Number(text) || 0;

/** The tries of all lines, in the order in which they began. */
export function triesOf(lines: readonly LogLine[]): Try[] {
  const all = lines.flatMap(({ timestamp, duration_s, upstream, upstream_s }) => {
    const times = upstream_s.split(/[,:] /).map(seconds);
    let at = 1000 * (timestamp - duration_s);
    return upstream.split(/[,:] /).map((backend, i) => {
      const one = { backend, at, again: i > 0 };
      at += 1000 * (times[i] ?? 0);
      return one;
    });
  });
  return all.sort((a, b) => a.at - b.at);
}

/** As long without a request means that a backend has been left. */
const LEFT_MS = 500;

/** How long after `from` a backend got its last request, and how many it was probed with later on, until `to`. */
export function leaving(
  tries: readonly Try[],
  backend: string,
  from: number,
  to: number,
): { ms: number; probes: number } {
  const its = tries.filter((one) => one.backend === backend);
  if (!its.some(({ at }) => at < from && at >= from - LEFT_MS)) throw new Error(`${backend} was in no use`);
  const times = its.filter(({ at }) => at >= from && at < to);
  let last = from;
  let n = 0;
  for (; n < times.length; n++) {
    const { at } = times[n] as Try;
    if (at - last > LEFT_MS) break;
    last = at;
  }
  return { ms: Math.round(last - from), probes: times.length - n };
}
