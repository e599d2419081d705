/** Access logs → entries in the order of time. */
import { clientKey } from '../scorer/key.ts';
import { copyOf } from '../scorer/shapes.ts';
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

/** A client of a log: its key, and a number of its own, from 0 on. */
export interface Who {
  key: string;
  number: number;
}

/** Clients by address as logged: made once each, and null for what is no address. */
export function clients(): (address: string) => Who | null {
  const byAddress = new Map<string, Who | null>();
  const byKey = new Map<string, Who>();
  return (address) => {
    let who = byAddress.get(address);
    if (who !== undefined) return who;
    const copy = copyOf(address);
    const key = clientKey(copy);
    who = key === null ? null : (byKey.get(key) ?? { key, number: byKey.size });
    if (who !== null) byKey.set(who.key, who);
    byAddress.set(copy, who);
    return who;
  };
}

/**
 * @param files paths, .gz too; `-` is standard input
 * @throws LogError when a file cannot be read or none of its lines fits
 */
export async function entriesOf(files: string[]): Promise<Logs> {
  const entries: Entry[] = [];
  const whoIs = clients();
  const reasons = new Map<string, number>();
  let left = 0;
  const summary = await readLogs(files, (row) => {
    const who = whoIs(row.client);
    const reason = who === null ? NO_ADDRESS : unseen(row);
    if (who === null || reason !== null) {
      left += 1;
      reasons.set(reason ?? NO_ADDRESS, (reasons.get(reason ?? NO_ADDRESS) ?? 0) + 1);
      return;
    }
    const { time, method, target, status, bytes, referer, userAgent } = row;
    const [client, address] = [who.key, row.client];
    entries.push({ time, client, address, method, target, status, bytes, referer, userAgent });
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
