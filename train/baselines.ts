/**
 * What one would do without a model, judged on the same requests. Thresholds are chosen as the model's lines are: on
 * the other sites, so that at most 0.5 % of people ever reach them.
 */
import { lowest, PEOPLE_SLOW } from './lines.ts';
import { column, type Requests } from './requests.ts';

/** For every request of a site, 1 where the rule says slow. */
export type Rule = (site: Requests) => Uint8Array;

const worst = (site: Requests, values: Float64Array, kind: string): number[] => {
  const highest = new Float64Array(site.clients.length);
  values.forEach((value, i) => {
    const at = site.client[i] as number;
    highest[at] = Math.max(highest[at] as number, value);
  });
  return [...highest].filter((_, at) => site.clients[at]?.class === kind);
};

const rates = (site: Requests): Float64Array => column(site, 'requests_60s');
const errors = (site: Requests): Float64Array => {
  const more = column(site, 'errors_5xx');
  return column(site, 'errors_4xx').map((n, i) => n + (more[i] as number));
};

const reaching = (values: Float64Array, line: number): Uint8Array =>
  Uint8Array.from(values, (v) => (v >= line ? 1 : 0));

/** Half of the people that may be hit are the error counter's, half the rate's, as one would set a stick table. */
function errorsAndRate(sites: readonly Requests[]): Rule {
  const people = (of: (site: Requests) => Float64Array): number[] =>
    sites.flatMap((site) => worst(site, of(site), 'people'));
  const [e, r] = [lowest(people(errors), PEOPLE_SLOW / 2), lowest(people(rates), PEOPLE_SLOW / 2)];
  return (site) => {
    const fast = rates(site);
    return Uint8Array.from(errors(site), (n, i) => (n >= e || (fast[i] as number) >= r ? 1 : 0));
  };
}

/** @param sites to choose thresholds on */
export function baselines(sites: readonly Requests[]): [string, Rule][] {
  const rate = lowest(
    sites.flatMap((site) => worst(site, rates(site), 'people')),
    PEOPLE_SLOW,
  );
  return [
    ['rate', (site) => reaching(rates(site), rate)],
    ['errors + rate', errorsAndRate(sites)],
    ['leaky buckets', (site) => site.overflowed],
  ];
}
