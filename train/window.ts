/**
 * Entries → windows, each as it stood when a request arrived: what serving would have seen. The windows and features
 * themselves are the scorer's.
 */
import { features } from '../scorer/features.ts';
import { noPages, type Pages } from '../scorer/form.ts';
import { observeEnd, observeNext } from '../scorer/observations.ts';
import { addHits, addObserved, emptyTrack, prune, windowAt, type Track } from '../scorer/window.ts';
import type { Entry } from './entry.ts';

/** A client's windows are alike; beyond this many they tell nothing new, and one crawler would be half the data. */
export const WINDOWS_PER_CLIENT = 30;

export interface Samples {
  names: readonly string[];
  /** Raw features, n × names, row after row. */
  rows: Float64Array;
  /** By row: which client it is of, and which of its requests (from 1). */
  clients: string[];
  request: Uint32Array;
  /** 1 / √(windows of this client): one client is one witness, a long one a little more. */
  weights: Float64Array;
  n: number;
}

/** Which of `total` requests to look at: all, or `most` spread evenly, the last among them. */
export function chosen(total: number, most: number): Set<number> {
  if (total <= most) return new Set(Array.from({ length: total }, (_, i) => i + 1));
  return new Set(Array.from({ length: most }, (_, i) => Math.round(((i + 1) * total) / most)));
}

/**
 * @param entries in the order of time
 * @param names features
 * @param want which clients; others are passed over
 * @param most windows per client; Infinity for every request
 */
export function windows(
  entries: readonly Entry[],
  names: readonly string[],
  want: (client: string) => boolean,
  most = WINDOWS_PER_CLIENT,
): Samples {
  const totals = new Map<string, number>();
  for (const { client } of entries) if (want(client)) totals.set(client, (totals.get(client) ?? 0) + 1);
  const state = new Map<
    string,
    { track: Track; pages: Pages; seen: number; take: Set<number>; weight: number }
  >();
  let n = 0;
  for (const [client, total] of totals) {
    const take = chosen(total, most);
    state.set(client, {
      track: emptyTrack(),
      pages: noPages(),
      seen: 0,
      take,
      weight: 1 / Math.sqrt(take.size),
    });
    n += take.size;
  }
  const samples: Samples = {
    names,
    rows: new Float64Array(n * names.length),
    clients: new Array<string>(n),
    request: new Uint32Array(n),
    weights: new Float64Array(n),
    n,
  };
  let at = 0;
  for (const entry of entries) {
    const client = state.get(entry.client);
    if (client === undefined) continue;
    const second = Math.floor(entry.time);
    prune(client.track, second);
    addHits(client.track, second, 1);
    addObserved(client.track, second, observeNext(entry, client.pages, entry.time));
    if (client.take.has(++client.seen)) {
      features(windowAt(client.track, second), names, samples.rows, at * names.length);
      samples.clients[at] = entry.client;
      samples.request[at] = client.seen;
      samples.weights[at++] = client.weight;
    }
    // A request is judged before its own answer is known.
    addObserved(client.track, second, observeEnd(entry, entry.status));
  }
  return samples;
}

/** The rows of some clients. */
export function ofClients(samples: Samples, want: (client: string) => boolean): Samples {
  const keep: number[] = [];
  for (let i = 0; i < samples.n; i++) if (want(samples.clients[i] as string)) keep.push(i);
  const width = samples.names.length;
  const rows = new Float64Array(keep.length * width);
  keep.forEach((from, to) => rows.set(samples.rows.subarray(from * width, (from + 1) * width), to * width));
  return {
    names: samples.names,
    rows,
    clients: keep.map((i) => samples.clients[i] as string),
    request: Uint32Array.from(keep, (i) => samples.request[i] as number),
    weights: Float64Array.from(keep, (i) => samples.weights[i] as number),
    n: keep.length,
  };
}
