/** What becomes of the standing in a client's record: hold.lua and count.lua do the same in Redis. */
import { BUCKET_S, WINDOW_S } from '../window.ts';
import type { Holding } from '../tier.ts';
import { HEAD, emptyRecord, encode, isReadable, putHead, standingBytes, standingOf } from './record.ts';
import type { Held, Standing } from './store.ts';

/**
 * The record of a client that was forgotten: best tier, held by nothing, nothing in the window.
 *
 * The best tier needs no `since`, so here they say when the client was forgotten. By that a judgement from before is
 * known, whatever the client has done since; and it keeps the record for as long as a gateway that was cut off may
 * still name the old tier.
 */
export function forgotten(lines: number, now: number): Buffer {
  return encode({ ...emptyRecord(lines), tier: 0, since: new Array<number>(lines).fill(now) });
}

const isForgotten = ({ tier, since }: Standing): boolean => tier === 0 && since.some((second) => second > 0);

/** The record with the standing that hold() of store.ts gives it; a record of the tier alone if there was none. */
export function withTier(record: Buffer, { tier, since, returned, found }: Held): Buffer {
  const now = standingOf(record, since.length);
  const untouched = same(now, found) || (isForgotten(now) && isForgotten(found));
  if (untouched || now.tier < 0) return withHead(record, { tier, since, returned });
  const offended = since.some((second, i) => second > (found.since[i] ?? 0));
  if (isForgotten(now) || (now.tier < found.tier && !offended)) return record;
  const worse = since.map((second, i) => Math.max(second, now.since[i] ?? 0));
  const later = Math.max(returned, now.returned);
  return withHead(record, { tier: Math.max(tier, now.tier), since: worse, returned: later });
}

const same = (a: Standing, b: Standing): boolean =>
  a.tier === b.tier &&
  a.returned === b.returned &&
  a.since.length === b.since.length &&
  a.since.every((second, i) => second === b.since[i]);

/** The record with another head; what it holds of the window stays. */
function withHead(record: Buffer, standing: Standing): Buffer {
  const { since } = standing;
  if (!isReadable(record)) return encode({ ...emptyRecord(since.length), ...standing, since: [...since] });
  const room = HEAD + standingBytes(since.length);
  const rest = record.subarray(HEAD + standingBytes(record[0] as number));
  const made = Buffer.allocUnsafe(room + rest.length);
  record.copy(made, 0, 0, HEAD);
  rest.copy(made, room);
  putHead(made, standing);
  return made;
}

/** However little stands in it. */
export const LEAST_KEPT_S = WINDOW_S + 2 * BUCKET_S;

/**
 * Seconds from `now` for which a record must be kept: its window, and its whole hold, for as long as a gateway may
 * name the tier, and as long as a return of it bars another. A record that went before would look like one that a flush took, and its hold would begin anew.
 */
export function keptFor(
  { tier, since, returned }: Standing,
  { holds, repeat }: Holding,
  now: number,
): number {
  let seconds = LEAST_KEPT_S;
  for (let i = 0; i < holds.length; i++) {
    // Who is seen again when the hold is over returns then, and not a second time soon after.
    const whole = (holds[i] as number) + (i < tier ? repeat : 0);
    if (i < tier) seconds = Math.max(seconds, whole);
    const from = since[i] ?? 0;
    if (from > 0) seconds = Math.max(seconds, from + whole - now);
  }
  if (returned > 0) seconds = Math.max(seconds, returned + repeat - now);
  return Math.ceil(seconds);
}
