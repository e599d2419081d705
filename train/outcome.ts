/** What a score and its lines would have done to every client, and the figures that issue and manifest speak of. */
import { parseConfig } from '../config/read.ts';
import { hysteresisOf } from '../config/tiers.ts';
import type { Standing } from '../scorer/store/store.ts';
import { nextTier, returnedAt, type Lines } from '../scorer/tier.ts';
import type { Class } from './entry.ts';
import { column, type Requests } from './requests.ts';

/** Clients are held as they are where scoregate.yaml says nothing else. Whether a line is reached is known already. */
const LINES: Lines = {
  ...hysteresisOf(parseConfig('{}', 'the defaults')),
  thresholds: [1, 2],
};
const SLOW = LINES.thresholds.length;

export interface Outcome {
  site: string;
  class: Class | null;
  requests: number;
  /** Its requests before the first that slow served; all of them if none was. */
  before: number;
  /** Its requests that slow served. */
  slow: number;
  belowFast: boolean;
}

/**
 * @param slow, standard whether request i's score reaches the line
 * @returns by client, in the order of `requests.clients`
 */
export function outcomes(
  requests: Requests,
  slow: (i: number) => boolean,
  standard: (i: number) => boolean,
): Outcome[] {
  const found = requests.clients.map((one): Outcome => ({
    site: requests.site,
    class: one.class,
    requests: one.requests,
    before: one.requests,
    slow: 0,
    belowFast: false,
  }));
  const seen = new Uint32Array(found.length);
  const standings = found.map((): Standing => ({ tier: 0, since: [0, 0], returned: 0 }));
  const hits = column(requests, 'requests_60s');
  for (let i = 0; i < requests.n; i++) {
    const at = requests.client[i] as number;
    const outcome = found[at] as Outcome;
    const number = (seen[at] = (seen[at] as number) + 1);
    const reached = slow(i) ? SLOW : standard(i) ? 1 : 0;
    const now = Math.floor(requests.time[i] as number);
    const { tier } = (standings[at] = stands(standings[at] as Standing, reached, now, hits[i] as number));
    if (tier > 0) outcome.belowFast = true;
    if (tier < SLOW) continue;
    if (outcome.slow === 0) outcome.before = number - 1;
    outcome.slow += 1;
  }
  return found;
}

/** How a client stands after a request: as judge() would have it, but that a line is reached by requests alone. */
function stands(before: Standing, reached: number, now: number, hits: number): Standing {
  const tier = nextTier(reached, before, LINES, now, hits);
  const since = before.since.map((second, line) => (line < reached ? now : line < tier ? second : 0));
  return { tier, since, returned: returnedAt(tier, before, now) };
}

export interface Figures {
  clients: Record<Class, number>;
  abuse20: number;
  abuse3: number;
  abuseRequests: number;
  beforeMedian: number;
  before90: number;
  peopleSlow: number;
  peopleSlowWorstSite: number;
  peopleRequests: number;
  peopleBelowFast: number;
  politeSlow: number;
}

const share = (some: number, all: number): number => (all === 0 ? 0 : some / all);
const rate = (list: readonly Outcome[], is: (one: Outcome) => boolean): number =>
  share(list.filter(is).length, list.length);
const requestsIn = (list: readonly Outcome[]): number =>
  share(
    list.reduce((sum, one) => sum + one.slow, 0),
    list.reduce((sum, one) => sum + one.requests, 0),
  );
const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;

/** A site with fewer people than this says nothing of its own. */
const PEOPLE_OF_A_SITE = 30;

export function figures(all: readonly Outcome[]): Figures {
  const of = (kind: Class): Outcome[] => all.filter((one) => one.class === kind);
  const [people, polite, abuse] = [of('people'), of('polite'), of('abuse')];
  const big = abuse.filter((one) => one.requests >= 20);
  const small = abuse.filter((one) => one.requests >= 3 && one.requests < 20);
  const before = big.map((one) => one.before).sort((a, b) => a - b);
  const ever = (one: Outcome): boolean => one.slow > 0;
  const sites = [...new Set(people.map((one) => one.site))]
    .map((site) => people.filter((one) => one.site === site))
    .filter((list) => list.length >= PEOPLE_OF_A_SITE);
  return {
    clients: { people: people.length, polite: polite.length, abuse: abuse.length },
    abuse20: rate(big, ever),
    abuse3: rate(small, ever),
    abuseRequests: requestsIn(abuse),
    beforeMedian: quantile(before, 0.5),
    before90: quantile(before, 0.9),
    peopleSlow: rate(people, ever),
    peopleSlowWorstSite: Math.max(0, ...sites.map((list) => rate(list, ever))),
    peopleRequests: requestsIn(people),
    peopleBelowFast: rate(people, (one) => one.belowFast),
    politeSlow: rate(polite, ever),
  };
}

const percent = (x: number): string => `${(100 * x).toFixed(2)} %`;
const ROWS: [string, (f: Figures) => string][] = [
  ['abusers of ≥ 20 requests in slow', (f) => percent(f.abuse20)],
  ['abusers of 3-19 requests in slow', (f) => percent(f.abuse3)],
  ['abusive requests served by slow', (f) => percent(f.abuseRequests)],
  ['requests before slow, median / p90', (f) => `${f.beforeMedian} / ${f.before90}`],
  ['people ever in slow', (f) => percent(f.peopleSlow)],
  ['  on the worst site', (f) => percent(f.peopleSlowWorstSite)],
  ["people's requests served by slow", (f) => percent(f.peopleRequests)],
  ['people ever below fast', (f) => percent(f.peopleBelowFast)],
  ['polite ever in slow', (f) => percent(f.politeSlow)],
];

/** A table for people: a column for each way of judging. */
export function table(columns: readonly (readonly [string, Figures])[]): string {
  const head = ['', ...columns.map(([name]) => name)];
  const rows = ROWS.map(([title, cell]) => [title, ...columns.map(([, f]) => cell(f))]);
  const widths = head.map((_, k) => Math.max(...[head, ...rows].map((row) => (row[k] as string).length)));
  const line = (row: string[]): string =>
    `  ${row.map((cell, k) => (k === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[k] ?? 0))).join('  ')}`;
  return [head, ...rows].map(line).join('\n');
}

/** One number to compare ways by: how much of abuse reaches slow, clients and requests alike. */
export const abuseReached = (f: Figures): number => (f.abuse20 + f.abuse3 + f.abuseRequests) / 3;
