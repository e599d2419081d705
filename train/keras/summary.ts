/** What the user of an imported model must know of it: where its lines are, and what its leases will be. */
import path from 'node:path';
import type { Model } from '../../scorer/model.ts';
import { tierOf } from '../../scorer/tier.ts';

/** Requests in 60 s up to which a line is looked for. */
const MOST = 10_000;

/** @param rows raw features of some windows */
export async function summary(model: Model, out: string, rows: readonly number[][]): Promise<string> {
  const { features, thresholds, compiled, uncompiled, monotone, version } = model;
  const lines = [`features: ${features.join(', ')}; lines: ${thresholds.join(', ')}`];
  const isRequests = features.length === 1 && features[0] === 'requests_60s';
  lines.push(isRequests && monotone ? await rates(model) : await spread(model, rows));
  if (!compiled) lines.push(`not compiled (${uncompiled}): it serves through TensorFlow.js, slower`);
  if (!monotone) {
    lines.push(
      'warning: not monotone: more requests, errors or signs can lower the score, so a lease cannot be told from it;',
      '  every request will ask the scorer',
    );
  }
  const where = path.relative(process.cwd(), out) || out;
  return [...lines, `wrote ${where}, version ${version}`].join('\n');
}

/** For one feature: the number of requests at which each line is crossed. */
async function rates(model: Model): Promise<string> {
  const scores = await model.score(
    Float64Array.from({ length: MOST + 1 }, (_, i) => i),
    MOST + 1,
  );
  const crossed = model.thresholds.map((line) => {
    const at = scores.findIndex((score) => score >= line);
    return at < 0 ? `${line} never (up to ${MOST})` : `${line} from ${at}`;
  });
  return `requests in 60 s that reach a line: ${crossed.join(', ')}`;
}

/** How many of some windows come into each tier, the best first: lines that fit nothing are seen by it. */
async function spread(model: Model, rows: readonly number[][]): Promise<string> {
  const scores = await model.score(Float64Array.from(rows.flat()), rows.length);
  const tiers = new Array<number>(model.thresholds.length + 1).fill(0);
  for (const score of scores) tiers[tierOf(score, model.thresholds)]! += 1;
  return `${rows.length} random windows by tier, the best first: ${tiers.join(', ')}`;
}
