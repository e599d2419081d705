/** One client of a report: from what came over the wire to what a store counts. */
import { RequestError } from './errors.ts';
import { clientKey } from './key.ts';
import { BITMAPS, COUNTS, parseBitmap, type Bitmap } from './observations.ts';
import type { ReportClient } from './schemas.ts';
import type { Reported } from './store/store.ts';

/** @param field what the address is called in an error. @throws RequestError 400 INVALID_ADDRESS */
export function keyOf(address: string, field: string): string {
  const key = clientKey(address);
  if (key === null) throw new RequestError('INVALID_ADDRESS', `"${address}" is not an address`, field);
  return key;
}

/** @param i its place in the report, for errors. @throws RequestError 400 INVALID_ADDRESS */
export function toReported(client: ReportClient, i: number): Reported {
  const added: Record<string, number | Bitmap> = {};
  for (const name of COUNTS) {
    const value = client[name];
    if (typeof value === 'number' && value !== 0) added[name] = value;
  }
  for (const name of BITMAPS) {
    const value = client[name];
    if (typeof value === 'string' && value !== NO_BITS) added[name] = parseBitmap(value);
  }
  return { key: keyOf(client.ip, `clients[${i}].ip`), hits: client.hits, added };
}
const NO_BITS = '0'.repeat(16);
