/** `npm run train`: logs, or the simulator → labels → windows → a fitted and judged model → model/. */
import path from 'node:path';
import { finisher } from '../scorer/model.ts';
import { tensorflow } from '../scorer/tensorflow.ts';
import { calibrate } from './calibrate.ts';
import { CLASSES, type Class, type Entry } from './entry.ts';
import { fit } from './fit.ts';
import { goldenOf } from './golden.ts';
import { calibrationOf } from './isotonic.ts';
import { judge, judgeOne, outputsOf, worstOf, type Judgement } from './judge.ts';
import { linesFor, writable } from './lines.ts';
import { countsTable, listed, writeLabels } from './lists.ts';
import { reasonsText } from './logs.ts';
import { USAGE, UsageError, options, type Options } from './options.ts';
import { abuseReached, table } from './outcome.ts';
import { progress } from './progress.ts';
import { parted, requestsOf, type Requests } from './requests.ts';
import { samplesOf } from './samples.ts';
import { simulate } from './simulate.ts';
import { sitesOf, type Site } from './sites.ts';
import { importance, study, type Study } from './study.ts';
import { supplement } from './supplement.ts';
import { checkPlace, write } from './write.ts';

/** What baselines look at, beside the model's own features. */
const ALWAYS = ['requests_60s', 'errors_4xx', 'errors_5xx'];

/** A client of fewer requests says little about a model. */
const JUDGED_FROM = 3;

/** Of a simulated flood the first few hundred requests say all that there is. */
const SIMULATED_AT_MOST = 300;

function firstOf(entries: readonly Entry[]): Entry[] {
  const seen = new Map<string, number>();
  return entries.filter(({ client }) => {
    const n = (seen.get(client) ?? 0) + 1;
    seen.set(client, n);
    return n <= SIMULATED_AT_MOST;
  });
}

async function sitesFor(chosen: Options): Promise<{ sites: Site[]; data: Record<string, unknown> }> {
  const { logs, seed } = chosen;
  if (logs.length === 0) {
    const { entries, labels } = simulate(seed);
    const site = { name: 'simulator', entries: firstOf(entries), labels };
    return { sites: [site], data: { source: 'simulator', seed } };
  }
  const { sites, summaries, left, reasons } = await sitesOf(logs, listed(chosen.abuse, chosen.human));
  for (const { files, samples } of summaries) {
    for (const { file, rows, unfit } of files) {
      console.log(`${path.basename(file)}: ${rows} lines${unfit > 0 ? `, ${unfit} that do not fit` : ''}`);
    }
    for (const { file, line, text } of samples) console.log(`  ${path.basename(file)}:${line}: ${text}`);
  }
  if (left > 0) console.log(`left out: ${reasonsText(reasons)}`);
  const lines = summaries.reduce((sum, { rows }) => sum + rows, 0);
  const unfit = summaries.reduce((sum, summary) => sum + summary.unfit, 0);
  return { sites, data: { source: 'access logs', files: logs.length, lines, unfit, left } };
}

/** By every log in turn, or by one; a single log is parted by clients. Whole clients are held out, never rows. */
async function judged(
  all: readonly Requests[],
  more: readonly Requests[],
  chosen: Options,
): Promise<Judgement & { study?: Study }> {
  const sites = all.length > 1 ? all : parted(all[0] as Requests, 4);
  const way = { seed: chosen.seed, epochs: chosen.epochs, more };
  if (chosen.judge) {
    const say = (what: string): void => console.log(`judging ${what}`);
    const whole = await judge(sites, chosen.features, { ...way, permute: true }, (site) =>
      say(`without ${site}`),
    );
    const { permuted: _, ...rest } = whole;
    return { ...rest, permuted: {}, study: await study(sites, chosen.features, way, whole, say) };
  }
  // One that has people and abusers to judge by, but not the one that has most: that is needed to learn from.
  const of = (site: Requests, kind: Class): number =>
    site.clients.filter((one) => one.class === kind && one.requests >= JUDGED_FROM).length;
  const both = (site: Requests): number => Math.min(of(site, 'people'), of(site, 'abuse'));
  const held = [...sites].sort((a, b) => both(b) - both(a))[sites.length > 2 ? 1 : 0] as Requests;
  console.log(`held out: ${held.site}`);
  return judgeOne(sites, held, chosen.features, way);
}

/** @throws Error if a simple rule does as well, and nobody insists */
function mustBeat({ model, baselines }: Judgement, force: boolean): void {
  for (const [name, other] of Object.entries(baselines)) {
    if (abuseReached(model) > abuseReached(other) || force) continue;
    throw new Error(
      `the model does not beat the baseline "${name}": add logs or features, or write it all the same with --force`,
    );
  }
}

function printStudy(found: Study): void {
  console.log(`without …\n${table(Object.entries(found.ablation))}`);
  if (Object.keys(found.learning).length > 0)
    console.log(`learning from …\n${table(Object.entries(found.learning))}`);
  console.log(
    `abuse in slow less others in slow: how much of it is lost when a feature's values are dealt out anew\n${importance(found)}`,
  );
}

async function train(chosen: Options): Promise<void> {
  checkPlace(chosen.out);
  const { backend, nativeFailure } = await tensorflow();
  if (nativeFailure !== undefined) console.log(`warning: ${nativeFailure}; training with ${backend}`);
  const { sites, data } = await sitesFor(chosen);
  console.log(countsTable(sites));
  if (chosen.labelsOut !== null) writeLabels(chosen.labelsOut, sites, chosen.logs);
  const names = [...new Set([...chosen.features, ...ALWAYS])];
  const requests = sites.map((site) => requestsOf(site, names));
  const more = chosen.logs.length === 0 ? [] : supplement(chosen.seed).map((site) => requestsOf(site, names));
  const { samples, targets } = samplesOf([...requests, ...more], chosen.features);
  const fitted = await fit(samples, targets, {
    seed: chosen.seed,
    epochs: chosen.epochs,
    onEpoch: progress(chosen.epochs),
  });
  const judgement = await judged(requests, more, chosen);
  console.log(table([['model', judgement.model], ...Object.entries(judgement.baselines)]));
  if (judgement.study) printStudy(judgement.study);
  mustBeat(judgement, chosen.force);
  const { seed, epochs } = chosen;
  const calibration = await calibrationOf(samples, targets, { seed, epochs });
  const outputs = requests.map((site) => outputsOf(fitted, site, chosen.features));
  const lines = Float64Array.from(linesFor(worstOf(requests, outputs)));
  const [standard, slow] = finisher(calibration)(lines) as unknown as [number, number];
  const thresholds = writable([standard, slow]);
  const counts = Object.fromEntries(
    CLASSES.map((kind) => [
      kind,
      requests.flatMap((r) => r.clients).filter((one) => one.class === kind).length,
    ]),
  );
  const version = await write(chosen.out, {
    model: fitted.model,
    golden: goldenOf(fitted, samples, calibration),
    manifest: {
      features: chosen.features,
      scaling: fitted.scaling,
      calibration,
      thresholds,
      data: {
        ...data,
        requests: requests.reduce((sum, { n }) => sum + n, 0),
        labelled_clients: counts,
        simulated: more.map(({ site, clients }) => `${clients.length} ${site}`),
      },
      metrics: {
        judged: chosen.judge ? 'leave-one-log-out' : 'one held out',
        ...judgement,
        loss: fitted.loss,
        epochs: chosen.epochs,
      },
      seed: chosen.seed,
      backend,
    },
  });
  console.log(`lines: standard from ${thresholds[0]}, slow from ${thresholds[1]}`);
  console.log(`wrote ${path.relative(process.cwd(), chosen.out) || chosen.out}, version ${version}`);
}

try {
  const chosen = options(process.argv.slice(2));
  if (!chosen) console.log(USAGE);
  else if (chosen.calibrate) await calibrate(chosen);
  else await train(chosen);
} catch (error) {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const usage = error instanceof UsageError || code.startsWith('ERR_PARSE_ARGS');
  console.error(`train: ${message}`);
  if (usage) console.error(USAGE);
  process.exit(usage ? 2 : 1);
}
