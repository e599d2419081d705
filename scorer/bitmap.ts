/** 64 bits that tell about how many different values there were, by linear counting. */

/** 64 bits as two unsigned 32-bit halves: a JavaScript number holds no 64-bit integer exactly. */
export interface Bitmap {
  hi: number;
  lo: number;
}

/** MurmurHash2 (Austin Appleby, public domain) as nginx's core has it, with a seed of the length: 32 bits, unsigned. */
function murmur2(bytes: Buffer): number {
  const m = 0x5bd1e995;
  let h = bytes.length;
  let i = 0;
  for (; i + 4 <= bytes.length; i += 4) {
    let k = Math.imul(bytes.readInt32LE(i), m);
    k ^= k >>> 24;
    h = Math.imul(h, m) ^ Math.imul(k, m);
  }
  const rest = bytes.length - i;
  if (rest === 3) h ^= (bytes[i + 2] ?? 0) << 16;
  if (rest >= 2) h ^= (bytes[i + 1] ?? 0) << 8;
  if (rest >= 1) h = Math.imul(h ^ (bytes[i] ?? 0), m);
  h = Math.imul(h ^ (h >>> 13), m);
  return (h ^ (h >>> 15)) >>> 0;
}

/** The bit (0…63) that a text sets: the top six bits of MurmurHash2 over its UTF-8 bytes. */
export const bitOf = (text: string): number => murmur2(Buffer.from(text)) >>> 26;

const ONE_BIT: readonly Readonly<Bitmap>[] = Array.from({ length: 64 }, (_, bit) =>
  bit < 32 ? { hi: 0, lo: (1 << bit) >>> 0 } : { hi: (1 << (bit - 32)) >>> 0, lo: 0 },
);

/** The bitmap with one bit (0…63) set. */
export const bitmapOf = (bit: number): Readonly<Bitmap> => ONE_BIT[bit] as Readonly<Bitmap>;

export function formatBitmap({ hi, lo }: Bitmap): string {
  return hi.toString(16).padStart(8, '0') + lo.toString(16).padStart(8, '0');
}

/** @throws RangeError if the text is not 16 hexadecimal digits */
export function parseBitmap(text: string): Bitmap {
  if (!/^[0-9a-f]{16}$/.test(text))
    throw new RangeError(`"${text}" is not a bitmap of 16 hexadecimal digits`);
  return { hi: parseInt(text.slice(0, 8), 16), lo: parseInt(text.slice(8), 16) };
}

function ones(x: number): number {
  let v = x - ((x >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** The estimate of a full bitmap: it can tell no more than this. */
export const DISTINCT_MAX = 64 * Math.log(64);
const DISTINCT = Float64Array.from({ length: 65 }, (_, set) =>
  set === 64 ? DISTINCT_MAX : -64 * Math.log((64 - set) / 64),
);

/** How many different values set the bits of a bitmap: linear counting (Whang et al., 1990), -m ln(zeros / m). */
export function distinct({ hi, lo }: Bitmap): number {
  return DISTINCT[ones(hi) + ones(lo)] ?? 0;
}
