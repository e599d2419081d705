/**
 * What follows from the number of tiers. One tier alone is a plain load balancer: clients are counted and scored all
 * the same, for the log and for those who look, but no score leads anywhere, so no request waits for one. Where nobody
 * looks, `mode: off` spares it all (mode.ts).
 */
import type { Config } from './schema.ts';

/** Lines between the tiers. */
export const lineCount = ({ tiers }: Pick<Config, 'tiers'>): number => tiers.length - 1;

/** What each line holds a client for where the file does not say, seconds. */
export const usualHolds = (lines: number): number[] =>
  Array.from({ length: lines }, (_, i) => (i === 0 ? 120 : 60));

/** Seconds for which each line holds a client; none where there is no line, whatever the file says. */
export function holdsOf(config: Pick<Config, 'tiers' | 'hysteresis'>): number[] {
  const lines = lineCount(config);
  return config.hysteresis.hold_s?.slice(0, lines) ?? usualHolds(lines);
}

/** For how long tiers are held, as the scorer takes it. */
export function hysteresisOf(config: Pick<Config, 'tiers' | 'hysteresis'>): {
  margin: number;
  holds: number[];
  repeat: number;
  clean: number;
} {
  const { margin, repeat_s, clean_requests } = config.hysteresis;
  return { margin, holds: holdsOf(config), repeat: repeat_s, clean: clean_requests };
}

/** The longest that a request waits for a verdict, milliseconds. */
export const waitOf = (config: Pick<Config, 'tiers' | 'scorer'>): number =>
  lineCount(config) === 0 ? 0 : config.scorer.wait_ms;
