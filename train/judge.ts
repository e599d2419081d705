/** Leave-one-log-out: how good a model is on sites that it has never seen, beside what simple rules would have done. */
import { compile } from '../scorer/compile.ts';
import { scale } from '../scorer/model.ts';
import { seeded } from '../scorer/random.ts';
import { baselines, type Rule } from './baselines.ts';
import { fit, predict, shuffled, type Fitted, type FitOptions } from './fit.ts';
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
  /** By feature, if asked for. */
  permuted: Record<string, Figures>;
}

export interface Way extends FitOptions {
  /** Simulated sites, to learn from in every fold and never to judge by. */
  more: readonly Requests[];
  /** Learn from so many of the others at most, those named first after the one left out. */
  most?: number;
  /** Also judge with each feature's values dealt out anew among the requests of the log. */
  permute?: boolean;
}

/** One fold: fitted on all sites but one, its lines from what it was fitted on, judged on the one. */
async function fold(
  sites: readonly Requests[],
  held: Requests,
  names: readonly string[],
  options: Way,
): Promise<{ model: Outcome[]; rules: [string, Outcome[]][]; permuted: [string, Outcome[]][] }> {
  const at = sites.indexOf(held);
  const others = [...sites.slice(at + 1), ...sites.slice(0, at)].slice(0, options.most);
  const { samples, targets } = samplesOf([...others, ...options.more], names);
  const fitted = await fit(samples, targets, options);
  const seen = others.map((site) => outputsOf(fitted, site, names));
  const [standard, slow] = linesFor(worstOf(others, seen));
  const judged = (site: Requests): Outcome[] => {
    const outputs = outputsOf(fitted, site, names);
    return outcomes(
      held,
      (i) => (outputs[i] as number) >= slow,
      (i) => (outputs[i] as number) >= standard,
    );
  };
  const model = judged(held);
  const permuted = names
    .filter(() => options.permute === true)
    .map((name): [string, Outcome[]] => [name, judged(dealtAnew(held, name, options.seed))]);
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
  return { model, rules, permuted };
}

/** A site with one feature's values in another order. */
function dealtAnew(site: Requests, name: string, seed: number): Requests {
  const [rows, width, at] = [site.rows.slice(), site.names.length, site.names.indexOf(name)];
  shuffled(site.n, seeded(seed)).forEach((from, to) => {
    rows[to * width + at] = site.rows[from * width + at] as number;
  });
  return { ...site, rows };
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
  const permuted = new Map<string, Outcome[]>();
  const bySite: Record<string, Figures> = {};
  for (const held of sites) {
    onFold(held.site);
    const one = await fold(sites, held, names, options);
    all.push(...one.model);
    bySite[held.site] = figures(one.model);
    const add = (to: Map<string, Outcome[]>, list: [string, Outcome[]][]): void => {
      for (const [name, outcome] of list) to.set(name, [...(to.get(name) ?? []), ...outcome]);
    };
    add(rules, one.rules);
    add(permuted, one.permuted);
  }
  const figured = (from: Map<string, Outcome[]>): Record<string, Figures> =>
    Object.fromEntries([...from].map(([name, list]) => [name, figures(list)]));
  return { model: figures(all), bySite, baselines: figured(rules), permuted: figured(permuted) };
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
    permuted: {},
  };
}
