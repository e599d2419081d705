/** Access logs → sites: what was logged, who was who. Rotated files of one log (x.log, x.log.1, x.log.2.gz) are one. */
import path from 'node:path';
import type { Entry, Label, Labels } from './entry.ts';
import { label } from './label.ts';
import { entriesOf, type Logs } from './logs.ts';

export interface Site {
  name: string;
  entries: readonly Entry[];
  labels: Labels;
  /** A client's requests before this many are not learned from; 1 unless given. */
  learnFrom?: number;
  /** How much each of its clients weighs; 1 unless given. */
  weight?: number;
}
export interface Sites {
  sites: Site[];
  summaries: Logs['summary'][];
  /** Lines left out (logs.ts), in all and by reason. */
  left: number;
  reasons: Map<string, number>;
}

/** `logs/wiki-2012.log.2.gz` → `logs/wiki-2012` */
const stem = (file: string): string =>
  path.join(path.dirname(file), path.basename(file).replace(/(?:\.log)?(?:[.-]\d{1,8})?(?:\.gz)?$/, ''));

/**
 * @param files paths, .gz too; `-` is standard input
 * @param given labels that the operator's own lists give
 * @throws LogError when a file cannot be read or none of its lines fits
 */
export async function sitesOf(
  files: readonly string[],
  given: (client: string) => Label | null,
): Promise<Sites> {
  const groups = new Map<string, string[]>();
  for (const file of files) groups.set(stem(file), [...(groups.get(stem(file)) ?? []), file]);
  const read: Sites = { sites: [], summaries: [], left: 0, reasons: new Map() };
  for (const [name, members] of groups) {
    const { entries, summary, left, reasons } = await entriesOf(members);
    read.sites.push({ name: path.basename(name), entries, labels: label(entries, given) });
    read.summaries.push(summary);
    read.left += left;
    for (const [reason, n] of reasons) read.reasons.set(reason, (read.reasons.get(reason) ?? 0) + n);
  }
  return read;
}
