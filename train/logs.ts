/** Access logs → entries in the order of time. */
import { clientKey } from '../scorer/key.ts';
import type { Entry } from './entry.ts';
import { readLogs, type LogSummary } from './parse.ts';
import { unseen } from './unseen.ts';

export interface Logs {
  entries: Entry[];
  summary: LogSummary;
  /** Lines that name no client address, or that no gateway would have seen (unseen.ts). */
  left: number;
  /** The same by reason. */
  reasons: Map<string, number>;
}

/** Client keys by address as logged: made once each, and null for what is no address. */
export function keys(): (address: string) => string | null {
  const known = new Map<string, string | null>();
  return (address) => {
    let key = known.get(address);
    if (key === undefined) {
      // A copy: a piece of a line keeps alive the whole piece of the file that the line came from.
      const copy = Buffer.from(address, 'latin1').toString('latin1');
      known.set(copy, (key = clientKey(copy)));
    }
    return key;
  };
}

/**
 * @param files paths, .gz too; `-` is standard input
 * @throws LogError when a file cannot be read or none of its lines fits
 */
export async function entriesOf(files: string[]): Promise<Logs> {
  const entries: Entry[] = [];
  const keyOf = keys();
  const reasons = new Map<string, number>();
  let left = 0;
  const summary = await readLogs(files, (row) => {
    const client = keyOf(row.client);
    const reason = client === null ? NO_ADDRESS : unseen(row);
    if (client === null || reason !== null) {
      left += 1;
      reasons.set(reason ?? NO_ADDRESS, (reasons.get(reason ?? NO_ADDRESS) ?? 0) + 1);
      return;
    }
    const { time, method, target, status, bytes, referer, userAgent } = row;
    entries.push({ time, client, address: row.client, method, target, status, bytes, referer, userAgent });
  });
  entries.sort((a, b) => a.time - b.time); // stable: lines of one second keep their order
  return { entries, summary, left, reasons };
}

export const NO_ADDRESS = 'the client is no address';

/** `12 no request line, 3 not an HTTP request`, most first. */
export const reasonsText = (reasons: ReadonlyMap<string, number>): string =>
  [...reasons]
    .sort((a, b) => b[1] - a[1])
    .map(([reason, n]) => `${n} ${reason}`)
    .join(', ');
