/** Leave-one-log-out: how good a model is on sites that it has never seen, beside what simple rules would have done. */
import { compile } from '../scorer/compile.ts';
import { scale } from '../scorer/model.ts';
import { baselines, type Rule } from './baselines.ts';
import { fit, predict, type Fitted, type FitOptions } from './fit.ts';
import { linesFor, type Worst } from './lines.ts';
import { figures, outcomes, type Figures, type Outcome } from './outcome.ts';
import type { Requests } from './requests.ts';
import { samplesOf } from './samples.ts';

const CHUNK = 4096;

/** What the network gives for every request of a site, compiled, which is what serves; not calibrated. */
export function outputsOf(fitted: Fitted, site: Requests, names: readonly string[]): Float64Array {
  const made = compile(fitted.model);
  const columns = names.map((name) => site.names.indexOf(name));
  const scores = new Float64Array(site.n);
  const rows = new Float64Array(CHUNK * names.length);
  for (let from = 0; from < site.n; from += CHUNK) {
    const n = Math.min(CHUNK, site.n - from);
    for (let i = 0; i < n; i++) {
      columns.forEach((column, k) => {
        rows[i * names.length + k] = site.rows[(from + i) * site.names.length + column] as number;
      });
    }
    const part = rows.subarray(0, n * names.length);
    scores.set(
      'forward' in made ? made.forward(scale(part, n, fitted.scaling), n) : predict(fitted, part, n),
      from,
    );
  }
  return scores;
}

/** The worst that ever happened to every client of a site, by class. */
export function worstOf(sites: readonly Requests[], scores: readonly Float64Array[]): Worst {
  const worst: Worst = { people: [], polite: [] };
  sites.forEach((site, k) => {
    const highest = new Float64Array(site.clients.length).fill(-Infinity);
    (scores[k] as Float64Array).forEach((score, i) => {
      const at = site.client[i] as number;
      highest[at] = Math.max(highest[at] as number, score);
    });
    const of = (kind: string): number[] => [...highest].filter((_, at) => site.clients[at]?.class === kind);
    worst.people.push(of('people'));
    worst.polite.push(of('polite'));
  });
  return worst;
}

export interface Judgement {
  model: Figures;
  bySite: Record<string, Figures>;
  baselines: Record<string, Figures>;
}

export interface Way extends FitOptions {
  /** Simulated sites, to learn from in every fold and never to judge by. */
  more: readonly Requests[];
}

/** One fold: fitted on all sites but one, its lines from what it was fitted on, judged on the one. */
async function fold(
  sites: readonly Requests[],
  held: Requests,
  names: readonly string[],
  options: Way,
): Promise<{ model: Outcome[]; rules: [string, Outcome[]][] }> {
  const others = sites.filter((site) => site !== held);
  const { samples, targets } = samplesOf([...others, ...options.more], names);
  const fitted = await fit(samples, targets, options);
  const seen = others.map((site) => outputsOf(fitted, site, names));
  const [standard, slow] = linesFor(worstOf(others, seen));
  const scores = outputsOf(fitted, held, names);
  fitted.model.dispose();
  const rules = baselines(others).map(([name, rule]: [string, Rule]): [string, Outcome[]] => {
    const reached = rule(held);
    return [
      name,
      outcomes(
        held,
        (i) => reached[i] === 1,
        () => false,
      ),
    ];
  });
  const model = outcomes(
    held,
    (i) => (scores[i] as number) >= slow,
    (i) => (scores[i] as number) >= standard,
  );
  return { model, rules };
}

/** @param onFold called before each. @returns figures over all sites together, each judged by a model without it */
export async function judge(
  sites: readonly Requests[],
  names: readonly string[],
  options: Way,
  onFold: (site: string) => void = () => undefined,
): Promise<Judgement> {
  const all: Outcome[] = [];
  const rules = new Map<string, Outcome[]>();
  const bySite: Record<string, Figures> = {};
  for (const held of sites) {
    onFold(held.site);
    const one = await fold(sites, held, names, options);
    all.push(...one.model);
    bySite[held.site] = figures(one.model);
    for (const [name, outcome] of one.rules) rules.set(name, [...(rules.get(name) ?? []), ...outcome]);
  }
  const judged = [...rules].map(([name, list]) => [name, figures(list)] as const);
  return { model: figures(all), bySite, baselines: Object.fromEntries(judged) };
}

/** The same for one site alone. */
export async function judgeOne(
  sites: readonly Requests[],
  held: Requests,
  names: readonly string[],
  options: Way,
): Promise<Judgement> {
  const { model, rules } = await fold(sites, held, names, options);
  const judged = rules.map(([name, list]) => [name, figures(list)] as const);
  return {
    model: figures(model),
    bySite: { [held.site]: figures(model) },
    baselines: Object.fromEntries(judged),
  };
}
