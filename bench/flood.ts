/** Hits of a flood that reach a better tier after the one that crosses the line, with 1, 2 and 4 workers. */
import { flood, floodScorer, LINE } from '../test/harness/flood.ts';
import type { Measured } from './measured.ts';
import { PORTS, type Stand } from './stand.ts';
import { row, whole } from './table.ts';

/** As the test of the same name, with the same scorer, whose line is at a known request. */
export async function floods(stand: Stand): Promise<Measured> {
  const scorer = await floodScorer(PORTS.nginx);
  stand.also(() => scorer.close());
  const found: Record<string, { beyond: number; ranOut: number; tiers: Record<string, number> }> = {};
  for (const workers of [1, 2, 4]) {
    const { beyond, ranOut, result } = await flood(PORTS.nginx, workers, (gateway) =>
      stand.also(() => gateway.stop()),
    );
    found[workers] = { beyond, ranOut, tiers: result.tiers };
    if (Object.keys(result.failed).length > 0)
      throw new Error(`requests of the flood failed: ${JSON.stringify(result.failed)}`);
  }
  const all = Object.entries(found);
  const worst = Math.max(...all.map(([, one]) => one.beyond));
  const ranOut = all.map(([workers, one]) => `${one.ranOut} with ${workers}`).join(', ');
  return {
    rows: [row('hits of a flood beyond the line', worst, whole, { most: [0, 0] }, '1, 2, 4 workers')],
    notes: [
      `flood: 3,000 requests of one client within 2 s, line at ${LINE}; beside them, requests whose wait ran out:`,
      `  ${ranOut} workers`,
    ],
    data: found,
  };
}
