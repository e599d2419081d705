/** Load on a proxy by wrk, and the load that makes Scoregate know its clients. */
import { drained, gatewayMetrics } from './metrics.ts';
import type { Peer } from './peers.ts';
import { wrk, type WrkResult } from './wrk.ts';

/** Requests that were sent to each proxy, as wrk counted them. */
const sent = new Map<string, number>();
/** A client is known with its second request; the last client of a run may have had one only. */
const NEARLY_ALL = 0.999;
const MOST_RUNS = 60;

/** All requests sent to a proxy by load(). */
export const sentTo = (name: string): number => sent.get(name) ?? 0;

/** One run of wrk. Throws when a request of it fails. */
export async function load(peer: Peer, clients: number, seconds: number, from?: number): Promise<WrkResult> {
  const result = await wrk({ port: peer.port, clients, seconds, ...(from === undefined ? {} : { from }) });
  sent.set(peer.name, sentTo(peer.name) + result.sent);
  if (result.errors > 0)
    throw new Error(`${result.errors} of ${result.sent} requests to ${peer.name} failed`);
  peer.emptyLog();
  return result;
}

/** Requests in order, each client twice, until Scoregate knows all of them and has their verdicts. */
export async function makeKnown(peer: Peer, clients: number): Promise<void> {
  if (!peer.config) throw new Error(`${peer.name} has no metrics`);
  let from = 0;
  for (let runs = 0; ; runs++) {
    const known = (await gatewayMetrics(peer.config)).value('scoregate_clients');
    if (known >= NEARLY_ALL * clients && from >= 2 * clients) break;
    if (runs >= MOST_RUNS)
      throw new Error(`Scoregate knows ${known} of ${clients} clients after ${from} requests`);
    from += (await load(peer, clients, clients > 10_000 ? 5 : 1, from)).answered;
  }
  await drained(peer.config, 30_000);
}
