/** `npm run train`: logs, or the simulator → labels → windows → a fitted and judged model → model/. */
import path from 'node:path';
import { SingleBar } from 'cli-progress';
import { tensorflow } from '../scorer/tensorflow.ts';
import { CLASSES, TARGET, type Labels } from './entry.ts';
import { evaluate, linesFor, table, worst } from './evaluate.ts';
import { fit, predict, type Fitted } from './fit.ts';
import { label } from './label.ts';
import { entriesOf, reasonsText } from './logs.ts';
import { USAGE, UsageError, options, type Options } from './options.ts';
import { simulate, type Traffic } from './simulate.ts';
import { ofClients, windows, type Samples } from './window.ts';
import { write } from './write.ts';

async function traffic({ logs, seed }: Options): Promise<Traffic & { data: Record<string, unknown> }> {
  if (logs.length === 0) return { ...simulate(seed), data: { source: 'simulator', seed } };
  const { entries, summary, left, reasons } = await entriesOf(logs);
  for (const { file, rows, unfit } of summary.files) {
    console.log(`${path.basename(file)}: ${rows} lines${unfit > 0 ? `, ${unfit} that do not fit` : ''}`);
  }
  for (const { file, line, text } of summary.samples)
    console.log(`  ${path.basename(file)}:${line}: ${text}`);
  if (left > 0) console.log(`left out: ${reasonsText(reasons)}`);
  const data = { source: 'access logs', files: logs.length, lines: summary.rows, unfit: summary.unfit, left };
  return { entries, labels: label(entries), data };
}

const targetsOf = (samples: Samples, labels: Labels): Float64Array =>
  Float64Array.from(samples.clients, (client) => TARGET[labels.get(client)?.class ?? 'people']);

/** One client in four is held out of the fit, by a hash of its key: whole clients, never rows. */
function isHeldOut(client: string): boolean {
  let hash = 0;
  for (const letter of client) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) | 0;
  return Math.imul(hash, 0x9e3779b1) >>> 30 === 0;
}

function progress(epochs: number): (epoch: number, loss: number) => void {
  if (!process.stdout.isTTY) {
    return (epoch, loss) => {
      if (epoch % 10 === 0 || epoch === epochs)
        console.log(`epoch ${epoch}/${epochs}: loss ${loss.toFixed(5)}`);
    };
  }
  const bar = new SingleBar({ format: 'fitting |{bar}| epoch {value}/{total}, loss {loss}' });
  bar.start(epochs, 0, { loss: '' });
  return (epoch, loss) => {
    bar.update(epoch, { loss: loss.toFixed(5) });
    if (epoch === epochs) bar.stop();
  };
}

/** Rows with the scores that they must give: the least and the most seen of every feature, and steps between. */
function goldenOf(fitted: Fitted, samples: Samples): { inputs: number[][]; scores: number[] } {
  const width = samples.names.length;
  const highest = Array.from({ length: width }, (_, k) => {
    let most = 1;
    for (let i = 0; i < samples.n; i++) most = Math.max(most, samples.rows[i * width + k] as number);
    return most;
  });
  const inputs = Array.from({ length: 32 }, (_, i) => highest.map((most) => Math.round(most ** (i / 31))));
  const scores = predict(fitted, Float64Array.from(inputs.flat()), inputs.length);
  return { inputs, scores: [...scores] };
}

async function train(chosen: Options): Promise<void> {
  const { backend, nativeFailure } = await tensorflow();
  if (nativeFailure !== undefined) console.log(`warning: ${nativeFailure}; training with ${backend}`);
  const { entries, labels, data } = await traffic(chosen);
  const counts = Object.fromEntries(
    CLASSES.map((kind) => [kind, [...labels.values()].filter((one) => one.class === kind).length]),
  );
  console.log(
    `${entries.length} requests; labelled clients: ${CLASSES.map((k) => `${counts[k]} ${k}`).join(', ')}`,
  );
  const samples = windows(entries, chosen.features, (client) => labels.has(client));
  const seen = ofClients(samples, (client) => !isHeldOut(client));
  const unseen = ofClients(samples, isHeldOut);
  const fitted = await fit(seen, targetsOf(seen, labels), { ...chosen, onEpoch: progress(chosen.epochs) });
  // The lines come from the clients that the fit saw, so that the held-out ones judge them too.
  const thresholds = linesFor(worst(seen, predict(fitted, seen.rows, seen.n)), labels);
  const report = evaluate(unseen, predict(fitted, unseen.rows, unseen.n), labels, thresholds);
  console.log(table(report));
  if ((report.rows[0]?.abuse ?? 0) < 0.05) {
    console.log(
      'warning: what these features say does not tell these clients apart; hardly anybody would be in slow',
    );
  }
  const version = await write(chosen.out, {
    model: fitted.model,
    golden: goldenOf(fitted, samples),
    manifest: {
      features: chosen.features,
      scaling: fitted.scaling,
      thresholds,
      data: { ...data, requests: entries.length, labelled_clients: counts },
      metrics: { held_out: report, loss: fitted.loss, epochs: chosen.epochs },
      seed: chosen.seed,
      backend,
    },
  });
  console.log(`lines: standard from ${thresholds[0]}, slow from ${thresholds[1]}`);
  console.log(`wrote ${path.relative(process.cwd(), chosen.out) || chosen.out}, version ${version}`);
}

try {
  const chosen = options(process.argv.slice(2));
  if (chosen) await train(chosen);
  else console.log(USAGE);
} catch (error) {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const usage = error instanceof UsageError || code.startsWith('ERR_PARSE_ARGS');
  console.error(`train: ${message}`);
  if (usage) console.error(USAGE);
  process.exit(usage ? 2 : 1);
}
