/** What a model's features are good for, and what more logs would be: each question asked by leaving one log out. */
import { columns } from './columns.ts';
import { judge, type Judgement, type Way } from './judge.ts';
import { abuseReached, type Figures } from './outcome.ts';
import type { Requests } from './requests.ts';

/** Features that say the same sort of thing; the last group is what one request shows, so without it behaviour is left. */
const GROUPS: readonly (readonly [string, RegExp])[] = [
  ['amounts and rates', /^(requests_60s|pages|busiest_second|page_rate|post_rate|mean_gap|distinct_paths)$/],
  ['missing referers and assets', /^(blind_|page_share|not_modified)/],
  ['errors', /^(errors_|distinct_missing|missing_)/],
  ['what one request shows', /^(no_user_agent|tools|forged|dot_|odd_|.*script)/],
];
/** Logs to learn from, in the learning curve. */
const LOGS = [3, 6];

export interface Study {
  /** Without each group of features, which it names. */
  ablation: Record<string, Figures>;
  /** With so many logs to learn from. */
  learning: Record<string, Figures>;
  /** By feature: how much less is told apart when its values are dealt out anew among the requests of a log. */
  permutation: Record<string, number>;
}

/** Abuse that reaches slow, less what else does. */
const toldApart = (f: Figures): number => abuseReached(f) - f.peopleSlow - f.politeSlow;

/**
 * @param whole the judgement with all features and logs
 * @param onStep called before each question
 */
export async function study(
  sites: readonly Requests[],
  names: readonly string[],
  way: Way,
  whole: Judgement,
  onStep: (what: string) => void,
): Promise<Study> {
  const found: Study = { ablation: {}, learning: {}, permutation: {} };
  for (const [title, group] of GROUPS) {
    const left = names.filter((name) => !group.test(name));
    if (left.length === 0 || left.length === names.length) continue;
    onStep(`without ${title}`);
    found.ablation[title] = (await judge(sites, left, way)).model;
  }
  for (const most of LOGS) {
    if (most >= sites.length - 1) continue;
    onStep(`learning from ${most} logs`);
    found.learning[`${most} logs`] = (await judge(sites, names, { ...way, most })).model;
  }
  for (const [name, figures] of Object.entries(whole.permuted))
    found.permutation[name] = toldApart(whole.model) - toldApart(figures);
  return found;
}

/** The part of the study that is no table of figures, most important first. */
export function importance({ permutation }: Study): string {
  const rows = Object.entries(permutation).sort((a, b) => b[1] - a[1]);
  return columns(rows.map(([name, x]) => [`  ${name}`, `${(100 * x).toFixed(2)} %`])).join('\n');
}
