/** Whether the model is there and fits the tiers: looked at by whoever starts the scorer, so that it need not fail. */
import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { scores } from './mode.ts';
import { root } from './paths.ts';
import type { Problem } from './problems.ts';
import type { Config } from './schema.ts';

/** What is wrong within a model the scorer says, when it loads it. */
export function modelFits(config: Config): Problem[] {
  if (!scores(config)) return [];
  const folder = isAbsolute(config.model) ? config.model : join(root, config.model);
  const text = read(join(folder, 'manifest.json'));
  if (text === null) {
    const fix = 'name the folder of one, or let npm run train write one there';
    return [{ path: ['model'], text: `there is no model in ${folder}; ${fix}` }];
  }
  const lines = linesOf(text);
  const wanted = config.tiers.length - 1;
  // One tier takes any model, without its lines.
  if (lines === null || wanted === 0 || lines === wanted) return [];
  const what = `${config.tiers.length} tiers have ${wanted} lines between them, but the model in ${folder} has ${lines}`;
  return [{ path: ['tiers'], text: `${what}; configure ${lines + 1} tiers, or train a model for these` }];
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

function linesOf(manifest: string): number | null {
  try {
    const { thresholds } = JSON.parse(manifest) as { thresholds?: unknown };
    return Array.isArray(thresholds) ? thresholds.length : null;
  } catch {
    return null;
  }
}
