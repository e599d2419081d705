/** What the operator knows: lists of networks that are abuse, and that are people; and the labels written out. */
import { readFileSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { CLASSES, type Class, type Label } from './entry.ts';
import { Output } from './output.ts';
import type { Site } from './sites.ts';

export class ListError extends Error {}

/** @throws ListError with file and line */
function readList(file: string): BlockList {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new ListError(`${file}: could not be read: ${(error as Error).message}`);
  }
  const list = new BlockList();
  text.split('\n').forEach((line, i) => {
    const entry = line.replace(/#.*/, '').trim();
    if (entry === '') return;
    const [address = '', bits, ...more] = entry.split('/');
    const family = isIP(address);
    const prefix = bits === undefined ? (family === 4 ? 32 : 128) : Number(bits);
    if (family === 0 || more.length > 0 || !/^\d+$/.test(bits ?? '0') || prefix > (family === 4 ? 32 : 128)) {
      throw new ListError(
        `${file}:${i + 1}: "${entry}" is no network; write one a line, as 192.0.2.0/24 or 2001:db8::/32`,
      );
    }
    list.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
  });
  return list;
}

/** @returns the label that a list gives a client key, null if it is on none; abuse goes before people */
export function listed(abuse: string | null, human: string | null): (client: string) => Label | null {
  const lists = (
    [
      ['abuse', abuse],
      ['people', human],
    ] as const
  ).flatMap(([kind, file]): [Class, BlockList][] => (file === null ? [] : [[kind, readList(file)]]));
  return (client) => {
    const address = client.replace(/\/64$/, '');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const found = lists.find(([, list]) => list.check(address, family));
    return found === undefined ? null : { class: found[0], reason: "the operator's list" };
  };
}

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

/**
 * One line a client: site, client, class (empty: unlabelled), reason, requests.
 * @throws OutputError if the file cannot be written, or is one of the logs
 */
export function writeLabels(file: string, sites: readonly Site[], logs: readonly string[]): void {
  const out = new Output('--labels-out', file, logs);
  const lines = ['site,client,class,reason,requests'];
  for (const { name, entries, labels } of sites) {
    const requests = new Map<string, number>();
    for (const { client } of entries) requests.set(client, (requests.get(client) ?? 0) + 1);
    for (const [client, n] of requests) {
      const label = labels.get(client);
      lines.push([name, client, label?.class ?? '', quoted(label?.reason ?? ''), n].join(','));
    }
  }
  try {
    out.write(`${lines.join('\n')}\n`);
  } catch (error) {
    out.discard();
    throw error;
  }
  out.close();
}

/** How many clients and requests each site has of each class, as a table for people. */
export function countsTable(sites: readonly Site[]): string {
  const kinds = [...CLASSES, 'unlabelled'] as const;
  const rows = sites.map(({ name, entries, labels }) => {
    const clients = new Map<string, number>();
    for (const { client } of entries) clients.set(client, (clients.get(client) ?? 0) + 1);
    const sums = kinds.map((kind) => {
      let [number, requests] = [0, 0];
      for (const [client, n] of clients) {
        if ((labels.get(client)?.class ?? 'unlabelled') !== kind) continue;
        number += 1;
        requests += n;
      }
      return `${number} / ${requests}`.padStart(16);
    });
    return `  ${name.padEnd(22)}${sums.join('')}`;
  });
  const head = `  ${'clients / requests'.padEnd(22)}${kinds.map((kind) => kind.padStart(16)).join('')}`;
  return [head, ...rows].join('\n');
}
