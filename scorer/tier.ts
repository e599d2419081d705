/**
 * Score → tier, with hysteresis on every line: getting worse is immediate, getting better takes a score that has
 * stayed below the line by a margin for the line's hold, so that nobody flaps. Pure.
 *
 * Line i lies between tiers i and i+1. Its `since` is the last second at which the score was not below the line by
 * the margin; with what is in the window now that second may be in the future, and is found by letting the window age.
 */
import { featuresOf } from './features.ts';
import type { Question } from './search.ts';
import type { Standing } from './store/store.ts';
import { WIDTH, type History } from './sums.ts';
import { WINDOW_S } from './window.ts';

const scratch = new Float64Array(WIDTH);

export interface Lines {
  /** Ascending, n-1 for n tiers. */
  thresholds: readonly number[];
  margin: number;
  /** Seconds per line. */
  holds: readonly number[];
}

/** Tier index of a score alone: the number of thresholds that it reaches. */
export function tierOf(score: number, thresholds: readonly number[]): number {
  let tier = 0;
  while (tier < thresholds.length && score >= (thresholds[tier] as number)) tier += 1;
  return tier;
}

/** The standing of a client whose record was lost: as bad as the gateway holds it, and only just. */
export function restored(tier: number, lines: number, now: number): Standing {
  const since = new Array<number>(lines).fill(0); // not Array.from, which takes ten times as long
  return { tier, since: since.fill(now, 0, tier) };
}

/** The tier that a score gives a client in a standing. */
export function nextTier(score: number, { tier, since }: Standing, lines: Lines, now: number): number {
  for (let i = lines.thresholds.length - 1; i >= 0; i--) {
    if (score >= (lines.thresholds[i] as number)) return i + 1;
    if (tier > i && now - (since[i] ?? 0) < (lines.holds[i] ?? 0)) return i + 1;
  }
  return 0;
}

/** How low a score must be to count as below line i. A line without a hold has no margin either: nothing is held. */
export function releaseLine(lines: Lines, i: number): number {
  return (lines.thresholds[i] as number) - ((lines.holds[i] ?? 0) > 0 ? lines.margin : 0);
}

/**
 * How many seconds the score stays at or above a line if no more hits come: a question for search().
 * A window is empty after 60 s, so that is the most.
 * @param before the second that was the answer at the last report; of one who goes on as before it is the next one now
 */
export function decay(
  history: History,
  names: readonly string[],
  line: number,
  now: number,
  before = 0,
): Question {
  return {
    fill(seconds, rows, at) {
      featuresOf(history.sumsAt(now + seconds, scratch), names, rows, at);
    },
    line,
    below: false,
    from: 0,
    to: WINDOW_S,
    ...(before > now && { hint: before - now + 1 }),
  };
}

/**
 * Milliseconds until the tier would improve if no more hits came.
 * @param standing with the `since` of every line below its tier
 * @returns Infinity for the best tier
 */
export function improvesIn({ tier, since }: Standing, lines: Lines, now: { s: number; ms: number }): number {
  if (tier <= 0) return Infinity;
  const line = tier - 1;
  // A line without a hold lets go one second after the last second at which the score reached it.
  const second = (since[line] ?? 0) + Math.max(1, lines.holds[line] ?? 0);
  return (second - now.s) * 1000 - now.ms;
}
