/** Logs through one model, or two side by side, on a virtual clock. */
import type { Config } from '../config/schema.ts';
import { hysteresisOf } from '../config/tiers.ts';
import type { Judging } from '../scorer/judge.ts';
import { Comparison } from './backtest_compare.ts';
import { BacktestGateway } from './backtest_gateway.ts';
import type { Rows } from './backtest_rows.ts';
import type { Reader } from './backtest_read.ts';
import type { Source } from './backtest_source.ts';
import { Tally } from './backtest_tally.ts';

export interface Run {
  tally: Tally;
  gateway: BacktestGateway;
}
export interface Ran {
  runs: Run[];
  comparison: Comparison | null;
}
export interface RunOptions {
  reader: Reader;
  /** One, or two to compare. */
  models: readonly Judging[];
  config: Pick<Config, 'tiers' | 'hysteresis' | 'limits'>;
  /** Counts what is read. */
  source: Source;
  rows?: Rows | undefined;
  /** Called now and then with the requests that are done. */
  onProgress?: (requests: number) => void;
}

const PROGRESS_EVERY = 8192;

/** @throws LogError when a log cannot be used */
export async function run({ reader, models, config, source, rows, onProgress }: RunOptions): Promise<Ran> {
  const { tiers, limits } = config;
  const hysteresis = hysteresisOf(config);
  const runs = models.map((model) => ({
    tally: new Tally(tiers.length),
    gateway: new BacktestGateway(model, hysteresis, limits.clients + limits.newcomers),
  }));
  const [one, other] = runs as [Run, Run?];
  const comparison = other === undefined ? null : new Comparison(tiers.length);
  for await (const batch of reader.arrivals(source)) {
    for (const arrival of batch) {
      const routed = one.gateway.arrive(arrival);
      one.tally.add(arrival, routed);
      rows?.add(arrival, routed);
      if (other !== undefined && comparison !== null) {
        const otherwise = other.gateway.arrive(arrival);
        other.tally.add(arrival, otherwise);
        comparison.add(arrival, routed, otherwise);
      }
      if (one.tally.requests % PROGRESS_EVERY === 0) onProgress?.(one.tally.requests);
    }
  }
  for (const { gateway } of runs) gateway.finish();
  return { runs, comparison };
}
