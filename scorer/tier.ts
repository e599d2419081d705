/**
 * Score → tier, with hysteresis on every line: getting worse is immediate, getting better takes a score that has
 * stayed below the line by a margin for the line's hold, so that nobody flaps. Pure.
 *
 * Times alone do not do it: who comes back every hour changes tier every hour, whatever the hold. As route-flap damping
 * does (RFC 2439), a return is remembered: within `repeat` seconds of it there is no other, so that with two lines no
 * client changes tier more than four times in that time: twice to a worse tier, once back, once more to a worse one.
 * (Who was away for longer is forgotten, and begins anew: a return as well, if a gateway still knows of a worse tier.)
 * Who shows meanwhile that it is somebody else now need not wait for it: out of the worst tier, where it hurts, a window
 * with `clean` requests is enough.
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

/** For how long tiers are held, whatever the model. */
export interface Holding {
  /** Seconds per line. */
  holds: readonly number[];
  /** Seconds from a move to a better tier in which there is no other; 0: as many as the holds allow. */
  repeat: number;
}
export interface Lines extends Holding {
  /** Ascending, n-1 for n tiers. */
  thresholds: readonly number[];
  margin: number;
  /** Requests in a window that let a client out of the worst tier in spite of `repeat`; 0: none do. */
  clean: number;
}

/** Tier index of a score alone: the number of thresholds that it reaches. */
export function tierOf(score: number, thresholds: readonly number[]): number {
  let tier = 0;
  while (tier < thresholds.length && score >= (thresholds[tier] as number)) tier += 1;
  return tier;
}

/**
 * The standing of a client whose record was lost: as bad as the gateway holds it, and only just.
 * @param tier -1 if the gateway says none; 0 if what it held was worse, for longer ago than the hold
 */
export function restored(tier: number, lines: number, now: number): Standing {
  const since = new Array<number>(lines).fill(0); // not Array.from, which takes ten times as long
  return {
    tier: Math.max(0, tier),
    since: since.fill(now, 0, Math.max(0, tier)),
    returned: tier === 0 ? now : 0,
  };
}

/** From which second on a line lets go a client whose score has fallen below it. */
function letsGoAt(
  line: number,
  { since, returned }: Standing,
  { holds, repeat }: Holding,
  now: number,
): number {
  const held = (since[line] ?? 0) + (holds[line] ?? 0);
  // A return later than now was written before the store's clock was set back.
  return returned > 0 && repeat > 0 ? Math.max(held, Math.min(returned, now) + repeat) : held;
}

/** The same of a client with `hits` in its window now. */
function letsGo(line: number, standing: Standing, lines: Lines, now: number, hits: number): boolean {
  const isWorst = line === lines.thresholds.length - 1;
  const repeat = isWorst && lines.clean > 0 && hits >= lines.clean ? 0 : lines.repeat;
  return now >= letsGoAt(line, standing, { holds: lines.holds, repeat }, now);
}

/**
 * The tier that a score gives a client in a standing.
 * @param hits in the window that has this score
 */
export function nextTier(score: number, standing: Standing, lines: Lines, now: number, hits: number): number {
  const due = tierOf(score, lines.thresholds);
  let { tier } = standing;
  while (tier > due && letsGo(tier - 1, standing, lines, now, hits)) {
    tier -= 1;
    if (lines.repeat > 0) return tier; // which was the one return
  }
  return Math.max(tier, due);
}

/** When a client was last let go, if this is its next tier. */
export const returnedAt = (tier: number, before: Standing, now: number): number =>
  tier < before.tier ? now : Math.min(before.returned, now);

/** How low a score must be to count as below line i. A line without a hold has no margin either: nothing is held. */
export function releaseLine(lines: Lines, i: number): number {
  return (lines.thresholds[i] as number) - ((lines.holds[i] ?? 0) > 0 ? lines.margin : 0);
}

/**
 * A standing, seen with the score of now. A `since` that is still to come is what the window promised if no more
 * requests came; where the score is below the line all the same, because good ones did or the clock was set back, it is now.
 */
export function seenWith(score: number, standing: Standing, lines: Lines, now: number): Standing {
  for (let line = 0; line < standing.tier; line++) {
    if (!isEarly(score, standing, lines, now, line)) continue;
    const since = standing.since.map((second, i) =>
      i < standing.tier && isEarly(score, standing, lines, now, i) ? now : second,
    );
    return { ...standing, since };
  }
  return standing;
}

const isEarly = (score: number, { since }: Standing, lines: Lines, now: number, line: number): boolean =>
  (since[line] ?? 0) > now && score < releaseLine(lines, line);

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
export function improvesIn(standing: Standing, lines: Lines, now: { s: number; ms: number }): number {
  if (standing.tier <= 0) return Infinity;
  const line = standing.tier - 1;
  // A line without a hold lets go one second after the last second at which the score reached it.
  const second = Math.max(letsGoAt(line, standing, lines, now.s), (standing.since[line] ?? 0) + 1);
  return (second - now.s) * 1000 - now.ms;
}
