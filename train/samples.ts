/** Which requests to learn from: at most 30 of a client, from all sites but those held out. */
import type { Requests } from './requests.ts';
import { TARGET } from './entry.ts';
import { chosen, type Samples } from './window.ts';

/**
 * A client's windows are alike; beyond this many they tell nothing new. The first ones are all taken, because the sooner
 * a client is told from others the better; the rest are spread evenly.
 */
export const FIRST = 10;
export const SPREAD = 20;

function take(total: number, from: number): Set<number> {
  const numbers = chosen(total, total <= FIRST + SPREAD ? total : SPREAD);
  for (let i = 1; i <= Math.min(total, FIRST); i++) numbers.add(i);
  return new Set([...numbers].filter((n) => n >= from));
}

/** @param names a selection of the requests' features. @returns labelled clients' rows, and their targets */
export function samplesOf(
  sites: readonly Requests[],
  names: readonly string[],
): { samples: Samples; targets: Float64Array } {
  const rows: number[] = [];
  const clients: string[] = [];
  const [request, weights, targets]: number[][] = [[], [], []] as [number[], number[], number[]];
  for (const site of sites) {
    const columns = names.map((name) => site.names.indexOf(name));
    const wanted = site.clients.map((one) =>
      one.class === null ? null : take(one.requests, site.learnFrom),
    );
    const seen = new Uint32Array(wanted.length);
    for (let i = 0; i < site.n; i++) {
      const at = site.client[i] as number;
      const number = (seen[at] = (seen[at] as number) + 1);
      const numbers = wanted[at];
      const one = site.clients[at] as Requests['clients'][0];
      if (!numbers?.has(number) || one.class === null) continue;
      for (const column of columns) rows.push(site.rows[i * site.names.length + column] as number);
      clients.push(`${site.site} ${one.key}`);
      request?.push(number);
      weights?.push(site.weight / Math.sqrt(numbers.size));
      targets?.push(TARGET[one.class]);
    }
  }
  const samples = {
    names,
    rows: Float64Array.from(rows),
    clients,
    request: Uint32Array.from(request ?? []),
    weights: Float64Array.from(weights ?? []),
    n: clients.length,
  };
  return { samples, targets: Float64Array.from(targets ?? []) };
}
