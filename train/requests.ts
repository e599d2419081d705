/** Every request of a site as the path would judge it: features as they stood when it arrived. For judging a model. */
import { featuresOf } from '../scorer/features.ts';
import { noPages, type Pages } from '../scorer/form.ts';
import { observeEnd, observeNext } from '../scorer/observations.ts';
import { WIDTH, sumsAt } from '../scorer/sums.ts';
import { addHits, addObserved, emptyTrack, prune, type Track } from '../scorer/window.ts';
import type { Class } from './entry.ts';
import { Buckets } from './buckets.ts';
import type { Site } from './sites.ts';

export interface Requests {
  site: string;
  names: readonly string[];
  n: number;
  /** n × names, row after row, in log order. */
  rows: Float32Array;
  /** By row: index into clients; unix second; 1 where a leaky bucket of this client has overflowed. */
  client: Uint32Array;
  time: Float64Array;
  overflowed: Uint8Array;
  clients: { key: string; class: Class | null; requests: number }[];
  /** A client's requests before this many are not learned from. */
  learnFrom: number;
  weight: number;
}

/** @param names features */
export function requestsOf(site: Site, names: readonly string[]): Requests {
  const { name, entries, labels, learnFrom = 1, weight = 1 } = site;
  const width = names.length;
  const found: Requests = {
    site: name,
    names,
    n: entries.length,
    rows: new Float32Array(entries.length * width),
    client: new Uint32Array(entries.length),
    time: new Float64Array(entries.length),
    overflowed: new Uint8Array(entries.length),
    clients: [],
    learnFrom,
    weight,
  };
  const index = new Map<string, number>();
  const state: { track: Track; pages: Pages; buckets: Buckets }[] = [];
  const row = new Float64Array(width);
  const sums = new Float64Array(WIDTH);
  entries.forEach((entry, i) => {
    let at = index.get(entry.client);
    if (at === undefined) {
      index.set(entry.client, (at = state.length));
      state.push({ track: emptyTrack(), pages: noPages(), buckets: new Buckets() });
      const kind = labels.get(entry.client)?.class ?? null;
      found.clients.push({ key: entry.client, class: kind, requests: 0 });
    }
    const { track, pages, buckets } = state[at] as (typeof state)[0];
    const second = Math.floor(entry.time);
    prune(track, second);
    addHits(track, second, 1);
    addObserved(track, second, observeNext(entry, pages, entry.time));
    featuresOf(sumsAt(track, second, sums), names, row);
    found.rows.set(row, i * width);
    found.client[i] = at;
    found.time[i] = entry.time;
    found.overflowed[i] = buckets.arrive(entry) ? 1 : 0;
    (found.clients[at] as Requests['clients'][0]).requests += 1;
    // A request is judged before its own answer is known.
    addObserved(track, second, observeEnd(entry, entry.status));
    buckets.end(entry);
  });
  return found;
}

/** One feature of every request. */
export function column({ names, rows, n }: Requests, name: string): Float64Array {
  const at = names.indexOf(name);
  return Float64Array.from({ length: n }, (_, i) => rows[i * names.length + at] as number);
}

/** One site as `parts`, each with whole clients, by a hash of their keys. */
export function parted(site: Requests, parts: number): Requests[] {
  const part = site.clients.map(({ key }) => {
    let hash = 0;
    for (const letter of key) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0;
    return (Math.imul(hash, 0x9e3779b1) >>> 8) % parts;
  });
  const width = site.names.length;
  return Array.from({ length: parts }, (_, k) => {
    const keep = [...site.client.keys()].filter((i) => part[site.client[i] as number] === k);
    const rows = new Float32Array(keep.length * width);
    keep.forEach((from, to) => rows.set(site.rows.subarray(from * width, (from + 1) * width), to * width));
    return {
      ...site,
      site: `${site.site}, clients ${k + 1}/${parts}`,
      n: keep.length,
      rows,
      client: Uint32Array.from(keep, (i) => site.client[i] as number),
      time: Float64Array.from(keep, (i) => site.time[i] as number),
      overflowed: Uint8Array.from(keep, (i) => site.overflowed[i] as number),
      // The others' numbers stay, so that indices do; without a class they count nowhere.
      clients: site.clients.map((one, at) => (part[at] === k ? one : { ...one, class: null })),
    };
  });
}
