/** Access logs → entries in the order of time. */
import { clientKey } from '../scorer/key.ts';
import type { Entry } from './entry.ts';
import { readLogs, type LogSummary } from './parse.ts';

export interface Logs {
  entries: Entry[];
  summary: LogSummary;
  /** Lines that name no client address, or hold no HTTP request: nothing that a gateway would have seen. */
  left: number;
}

/**
 * @param files paths, .gz too; `-` is standard input
 * @throws LogError when a file cannot be read or none of its lines fits
 */
export async function entriesOf(files: string[]): Promise<Logs> {
  const entries: Entry[] = [];
  const keys = new Map<string, string | null>();
  let left = 0;
  const summary = await readLogs(files, (row) => {
    let client = keys.get(row.client);
    if (client === undefined) keys.set(row.client, (client = clientKey(row.client)));
    if (client === null || row.method === '') {
      left += 1;
      return;
    }
    const { time, method, target, status, bytes, referer, userAgent } = row;
    entries.push({ time, client, address: row.client, method, target, status, bytes, referer, userAgent });
  });
  entries.sort((a, b) => a.time - b.time); // stable: lines of one second keep their order
  return { entries, summary, left };
}
