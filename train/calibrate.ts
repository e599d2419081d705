/**
 * `npm run train -- --calibrate LOGS`: new lines for the model that there is, from a site's own traffic, without training
 * again. On sites that a model was not trained on its ranking of clients holds better than its scores do.
 */
import { loadModel } from '../scorer/model.ts';
import { linesFor, writable } from './lines.ts';
import { worstOf } from './judge.ts';
import { listed } from './lists.ts';
import type { Options } from './options.ts';
import { requestsOf } from './requests.ts';
import { sitesOf } from './sites.ts';
import { withThresholds } from './write.ts';

/** Fewer people than this cannot say where half a percent of them is. */
const PEOPLE_AT_LEAST = 30;

/** @throws ModelError if there is no model, Error if the logs hold too few people */
export async function calibrate(chosen: Options): Promise<void> {
  const model = await loadModel(chosen.out);
  try {
    const { sites } = await sitesOf(chosen.logs, listed(chosen.abuse, chosen.human));
    const requests = sites.map((site) => requestsOf(site, model.features));
    const scores = await Promise.all(
      requests.map(({ rows, n }) => Promise.resolve(model.score(Float64Array.from(rows), n))),
    );
    const worst = worstOf(requests, scores);
    const people = worst.people.flat().length;
    if (people < PEOPLE_AT_LEAST) {
      throw new Error(
        `only ${people} clients of these logs are surely people, too few to set lines by; give longer logs, or --human FILE`,
      );
    }
    const thresholds = writable(linesFor(worst));
    const version = await withThresholds(chosen.out, thresholds);
    console.log(`by ${people} people: standard from ${thresholds[0]}, slow from ${thresholds[1]}`);
    console.log(`was: ${model.thresholds.join(', ')}; now version ${version}`);
  } finally {
    model.close();
  }
}
