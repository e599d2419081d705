/**
 * The clients of a batch as one string for count.lua, which costs one argument instead of thousands:
 *
 *   per client: u8 length · key · u8 hits · hits × (u8 age, u32 n) · u8 age of the observations · u8 how many
 *   then, per observation: u8 which, from 1 · count u32, bitmap u32 u32
 *
 * It is also what is kept of a batch for a Redis that is down. And standings for hold.lua:
 *
 *   per client: u8 length · key · the standing found · the one to write · u32 seconds
 *   each standing: u8 tier (255: none) · u32 since, per line · u32 returned
 *
 * Little endian.
 */
import { OBSERVATIONS } from '../observations.ts';
import { WINDOW_S } from '../window.ts';
import { putStanding, standingBytes, youngest } from './record.ts';
import type { Held, Reported } from './store.ts';

const MAX_32 = 2 ** 32 - 1;
/** A client with 64 pairs of hits and every observation: the most that one can take. */
const MOST = 1 + 255 + 1 + 64 * 5 + 2 + 9 * OBSERVATIONS.length;

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
  let at = packHits(client.hits ?? [], packKey(client.key, start));
  scratch[at] = Math.min(youngest(client.hits), 255);
  return packObserved(client, at + 1);
}

function packHits(hits: NonNullable<Reported['hits']>, start: number): number {
  let at = start + 1;
  let pairs = 0;
  for (const [age, n] of hits) {
    if (age >= WINDOW_S) continue; // no window will see them
    scratch[at] = age;
    scratch.writeUInt32LE(Math.min(n, MAX_32), at + 1);
    at += 5;
    pairs += 1;
  }
  scratch[start] = pairs;
  return at;
}

const NUMBER = new Map(OBSERVATIONS.map(({ name, index }) => [name, index + 1]));

function packObserved({ added }: Reported, start: number): number {
  let at = start + 1;
  let seen = 0;
  for (const name in added) {
    const value = added[name];
    if (value === undefined) continue;
    scratch[at] = NUMBER.get(name) as number;
    if (typeof value === 'number') {
      scratch.writeUInt32LE(Math.min(value, MAX_32), at + 1);
      at += 5;
    } else {
      scratch.writeUInt32LE(value.hi, at + 1);
      scratch.writeUInt32LE(value.lo, at + 5);
      at += 9;
    }
    seen += 1;
  }
  scratch[start] = seen;
  return at;
}
