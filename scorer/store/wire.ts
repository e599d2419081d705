/** What goes between redis.ts and the scripts, as values. */
import type { Applied, Change, ChangeState } from './store.ts';

export const NOTHING: Applied = {
  now: { s: 0, ms: 0 },
  counted: false,
  gateways: 0,
  generation: 0,
  records: [],
};

export const prefix = (shard: number): string => `{sg:${shard}}`;

/** FNV-1a: spreads keys evenly over shards. */
export function shardOf(key: string, shards: number): number {
  if (shards === 1) return 0;
  let h = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) h = Math.imul(h ^ key.charCodeAt(i), 0x01000193);
  return (h >>> 0) % shards;
}

export function readAnswer(answer: unknown): Applied {
  const [s, micros, counted, gateways, generation, all] = answer as [...number[], Buffer] as [
    number,
    number,
    number,
    number,
    number,
    Buffer,
  ];
  const records: Buffer[] = [];
  for (let at = 0; at < all.length;) {
    const length = (all[at] as number) | ((all[at + 1] as number) << 8);
    records.push(all.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return { now: { s, ms: Math.floor(micros / 1000) }, counted: counted === 1, gateways, generation, records };
}

export function operation(change: Change): [string, string, string] {
  if ('forget' in change) return ['forget', change.ip, ''];
  return change.pin === null ? ['unpin', change.ip, ''] : ['pin', change.ip, change.pin];
}

export function readChange(text: string): ChangeState['kept'][number] {
  const [generation, what, ip = '', tier = ''] = text.split(' ');
  const change: Change = what === 'forget' ? { ip, forget: true } : { ip, pin: what === 'pin' ? tier : null };
  return { generation: Number(generation), change };
}
