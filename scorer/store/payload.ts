/**
 * The clients of a batch as one string for count.lua, which costs one argument instead of thousands:
 *
 *   per client: u16 bytes after the key · u8 length · key · u8 hits · u8 observations · u8 their age
 *   then, per pair of hits: u8 age · u16 n
 *   then, per observation: u8 which, from 1 · count u16, bitmap u32 u32; in the order of the vocabulary
 *
 * It is also what is kept of a batch for a Redis that is down. And standings for hold.lua:
 *
 *   per client: u8 length · key · the standing found · the one to write · u32 seconds
 *   each standing: u8 tier (255: none) · u32 since, per line · u32 returned
 *
 * Little endian.
 */
import { OBSERVATIONS, type Bitmap } from '../observations.ts';
import { WINDOW_S } from '../window.ts';
import { putStanding, standingBytes, youngest } from './record.ts';
import type { Held, Reported } from './store.ts';

const MAX_16 = 2 ** 16 - 1;
/** Bytes of a pair of hits. */
const PAIR = 3;
/** A client with 64 pairs of hits and every observation: the most that one can take. */
const MOST = 3 + 255 + 3 + 64 * PAIR + 9 * OBSERVATIONS.length;

// Only one batch is packed at a time, and what is handed out is a copy.
let scratch = Buffer.allocUnsafe(1 << 16);

/** @param clients keys of at most 255 bytes, at most 64 pairs of hits each */
export const pack = (clients: readonly Reported[]): Buffer => packed(clients, MOST, packClient);

/** @param most bytes of one */
function packed<T>(all: readonly T[], most: number, packOne: (one: T, at: number) => number): Buffer {
  if (scratch.length < all.length * most) scratch = Buffer.allocUnsafe(all.length * most);
  let at = 0;
  for (const one of all) at = packOne(one, at);
  return Buffer.from(scratch.subarray(0, at));
}

/** The same for clients of which nothing is to be counted. */
export function packKeys(keys: readonly string[]): Buffer {
  return pack(keys.map((key) => ({ key, added: {} })));
}

/**
 * @param lines how many lines the tiers have
 * @param secondsOf how long a record must be kept
 */
export function packHeld(held: readonly Held[], lines: number, secondsOf: (one: Held) => number): Buffer {
  return packed(held, 1 + 255 + 2 * (1 + standingBytes(lines)) + 4, (one, start) => {
    const at = putStanding(scratch, packKey(one.key, start), one.found);
    return scratch.writeUInt32LE(secondsOf(one), putStanding(scratch, at, one));
  });
}

function packKey(key: string, at: number): number {
  scratch[at] = scratch.write(key, at + 1, 'latin1');
  return at + 1 + (scratch[at] as number);
}

function packClient(client: Reported, start: number): number {
  const at = packKey(client.key, start + 2);
  const observed = packHits(client.hits ?? [], at + 3);
  scratch[at] = (observed - at - 3) / PAIR;
  scratch[at + 2] = Math.min(youngest(client.hits), 255);
  const end = packObserved(client.added, at + 1, observed);
  scratch.writeUInt16LE(end - at, start);
  return end;
}

function packHits(hits: NonNullable<Reported['hits']>, start: number): number {
  let at = start;
  for (const [age, n] of hits) {
    if (age >= WINDOW_S) continue; // no window will see them
    scratch[at] = age;
    scratch.writeUInt16LE(Math.min(n, MAX_16), at + 1);
    at += PAIR;
  }
  return at;
}

const NUMBER = new Map(OBSERVATIONS.map(({ name, index }) => [name, index + 1]));

/** By observation name, in the order of the vocabulary. */
function inOrder(added: Reported['added']): Reported['added'] {
  const ordered: Record<string, number | Bitmap> = {};
  for (const { name } of OBSERVATIONS) if (added[name] !== undefined) ordered[name] = added[name];
  return ordered;
}

/** @param seenAt where to write how many there are */
function packObserved(added: Reported['added'], seenAt: number, start: number): number {
  let at = start;
  let seen = 0;
  let before = 0;
  for (const name in added) {
    const value = added[name];
    if (value === undefined) continue;
    const number = NUMBER.get(name) as number;
    if (number < before) return packObserved(inOrder(added), seenAt, start);
    before = number;
    scratch[at] = number;
    if (typeof value === 'number') {
      scratch.writeUInt16LE(Math.min(value, MAX_16), at + 1);
      at += 3;
    } else {
      scratch.writeUInt32LE(value.hi, at + 1);
      scratch.writeUInt32LE(value.lo, at + 5);
      at += 9;
    }
    seen += 1;
  }
  scratch[seenAt] = seen;
  return at;
}
