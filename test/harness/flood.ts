/** A flood of one client on a gateway whose scorer has its line at a known request, so that overshoot is exact. */
import { load, type LoadResult } from './load.ts';
import { startGateway, type Gateway, type LogLine } from './gateway.ts';
import { FakeScorer } from './scorer.ts';

/** Requests that belong to the better tier. */
export const LINE = 500;

export interface Flood {
  /** Hits after the one that crosses the line that were not sent to slow, without those whose wait ran out. */
  beyond: number;
  /** Hits of a better tier that had waited in vain. */
  ranOut: number;
  result: LoadResult;
}

/** The scorer of `flood`, on the port that a gateway at `port` expects it. */
export async function floodScorer(port: number): Promise<FakeScorer> {
  const scorer = new FakeScorer();
  scorer.line = LINE;
  await scorer.listen(port + 2);
  return scorer;
}

/** Starts a gateway with so many workers, sends 3,000 requests of one client within 2 s, and ends the gateway. */
export async function flood(
  port: number,
  workers: number,
  started: (gateway: Gateway) => void = () => undefined,
): Promise<Flood> {
  const gateway = await startGateway({ port, noScorer: true, config: { workers } });
  started(gateway);
  try {
    const ip = `198.51.100.${workers}`;
    const result = await load({
      port: gateway.port,
      rate: 1500,
      seconds: 2,
      connections: 64,
      request: () => ({ path: '/', headers: { 'X-Forwarded-For': ip } }),
    });
    return { ...overshoot(await gateway.log(), ip), result };
  } finally {
    await gateway.stop();
  }
}

/** Requests above the line that were not sent to slow, and how many of those had waited in vain. */
function overshoot(lines: LogLine[], ip: string): { beyond: number; ranOut: number } {
  const better = lines.filter((line) => line.client === ip && line.tier !== 'slow');
  const ranOut = better.filter((line) => line.origin === 'stale' || line.origin === 'default').length;
  return { beyond: Math.max(0, better.length - LINE - ranOut), ranOut };
}
