/** What becomes of the standing in a client's record: hold.lua and count.lua do the same in Redis. */
import { BUCKET_S, WINDOW_S } from '../window.ts';
import { HEAD, NO_TIER, decode, emptyRecord, encode } from './record.ts';
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
export function withTier(record: Buffer, { tier, since, found }: Held): Buffer {
  const into = decode(record, since.length) ?? emptyRecord(since.length);
  const same = into.tier === found.tier && into.since.every((second, i) => second === found.since[i]);
  const untouched = same || (isForgotten(into) && isForgotten(found));
  if (untouched || into.tier < 0) return encode({ ...into, tier, since: [...since] });
  const offended = since.some((second, i) => second > (found.since[i] ?? 0));
  if (isForgotten(into) || (into.tier < found.tier && !offended)) return record;
  const worse = since.map((second, i) => Math.max(second, into.since[i] ?? 0));
  return encode({ ...into, tier: Math.max(tier, into.tier), since: worse });
}

/** What a record's head says, without reading the rest. */
export function standingOf(record: Buffer, lines: number): Standing {
  const readable = record.length >= HEAD + 4 * lines && record[0] === lines && record[1] !== NO_TIER;
  if (!readable) return { tier: -1, since: [] };
  const since = Array.from({ length: lines }, (_, i) => record.readUInt32LE(HEAD + 4 * i));
  return { tier: record[1] as number, since };
}

/** Tier and since as they stand in a record's head. */
export function top({ tier, since }: Standing): Buffer {
  const bytes = Buffer.alloc(1 + 4 * since.length);
  bytes[0] = tier < 0 ? NO_TIER : tier;
  since.forEach((second, i) => bytes.writeUInt32LE(second, 1 + 4 * i));
  return bytes;
}

/**
 * Seconds from `now` for which a record must be kept: its window, and its whole hold, for as long as a gateway may
 * name the tier. A record that went before would look like one that a flush took, and its hold would begin anew.
 */
export function keptFor({ tier, since }: Standing, holds: readonly number[], now: number): number {
  let seconds = WINDOW_S + 2 * BUCKET_S;
  holds.forEach((hold, i) => {
    if (i < tier) seconds = Math.max(seconds, hold);
    const from = since[i] ?? 0;
    if (from > 0) seconds = Math.max(seconds, from + hold - now);
  });
  return Math.ceil(seconds);
}
