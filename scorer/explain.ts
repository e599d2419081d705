/** Why a client has its score, feature by feature. */
import { features } from './features.ts';
import type { Scores } from './search.ts';
import type { Window } from './window.ts';

const EMPTY: Window = { now: 0, hits: [], counts: {}, distinct: {} };

export interface Effect {
  feature: string;
  value: number;
  /** How much of the score is due to it: above 0 it makes the client look worse. */
  effect: number;
}

/**
 * What each feature contributes: its value, and by how much the score would differ if it were what it is for an
 * empty window, the others staying as they are; the largest first. The effects need not add up to the score.
 */
export async function explain(model: Scores, window: Window): Promise<Effect[]> {
  const names = model.features;
  const k = names.length;
  const values = features(window, names);
  const base = features(EMPTY, names);
  const rows = new Float64Array((k + 1) * k);
  for (let row = 0; row <= k; row++) {
    rows.set(values, row * k);
    if (row < k) rows[row * k + row] = base[row] as number;
  }
  const scores = await model.score(rows, k + 1);
  const whole = scores[k] as number;
  const effects = names.map((feature, i) => ({
    feature,
    value: round(values[i] as number),
    effect: round(whole - (scores[i] as number)),
  }));
  return effects.sort((a, b) => Math.abs(b.effect) - Math.abs(a.effect));
}

const round = (x: number): number => Math.round(x * 1e6) / 1e6;
