/**
 * What the gateway reports of real traffic, and what the scorer says to it, against the backtest's reading of the access
 * log that the same traffic left: equal inputs must give equal windows, scores, tiers and leases.
 *
 * A report says which of a client's requests it is about (the next so many to arrive) and at which seconds they count;
 * what they add comes from the log's lines alone. PARITY_S=600 runs ten minutes of the log instead of 60 s.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { root } from '../../config/paths.ts';
import { parseConfig } from '../../config/read.ts';
import { hysteresisOf } from '../../config/tiers.ts';
import { FEATURES } from '../../scorer/features.ts';
import { clientKey } from '../../scorer/key.ts';
import { loadModel } from '../../scorer/model.ts';
import { tensorflow } from '../../scorer/tensorflow.ts';
import { BacktestScorer } from '../../train/backtest_scorer.ts';
import { readLogs } from '../../train/parse.ts';
import type { LogRow } from '../../train/line.ts';
import { busiest, plan, spread, type Planned } from '../../train/replay_plan.ts';
import { send } from '../../train/replay_send.ts';
import { simulate } from '../../train/simulate.ts';
import { write } from '../../train/write.ts';
import { Gateway, Part } from '../harness/gateway.ts';
import { follow, waiting, type Waiting } from '../harness/parity.ts';
import { Relay, type Verdict } from '../harness/relay.ts';

const PORT = 16800;
const SCORER = PORT + 20;
const SECONDS = Number(process.env['PARITY_S'] ?? 60);
const LOG = ['../shared', '../../shared']
  .map((shared) => join(root, shared, 'data/logs/joomla-2019.log.gz'))
  .find((file) => existsSync(file));
const TIERS = ['fast', 'standard', 'slow'];
const LINES = hysteresisOf(parseConfig('{}', 'the defaults'));

let gateway: Gateway;
let scorer: Part | undefined;
const relay = new Relay(SCORER);
const lines: LogRow[] = [];
let sent = 0;

/** A model in which every feature counts, each by a weight of its own: if one differs, so does the score. */
async function writeWholeModel(dir: string): Promise<void> {
  const { tf, backend } = await tensorflow();
  const features = Object.keys(FEATURES);
  const dense = tf.layers.dense({ units: 1, inputShape: [features.length], activation: 'sigmoid' });
  const model = tf.sequential({ layers: [dense] });
  const kernel = features.map((_, i) => [(1 + (i % 7) / 10) / features.length]);
  dense.setWeights([tf.tensor2d(kernel), tf.tensor1d([-0.3])]);
  const scaling = features.map(() => ({ transform: 'log1p' as const, mean: 2, scale: 2 }));
  const inputs = Array.from({ length: 20 }, (_, row) => features.map((_name, i) => (row * (i + 1)) % 23));
  const scaled = inputs.map((row) => row.map((x) => (Math.log1p(x) - 2) / 2));
  const scores = [
    ...(model.predictOnBatch(tf.tensor2d(scaled)) as ReturnType<typeof tf.tensor2d>).dataSync(),
  ];
  const manifest = { features, scaling, thresholds: [0.26, 0.32], data: {}, metrics: {}, seed: 1, backend };
  await write(dir, { model, manifest, golden: { inputs, scores } });
}

/** A part of what the simulator plays: every twelfth client, for variety. */
function simulated(): Planned[] {
  const from = 900;
  const requests = simulate(7)
    .entries.filter(({ time }) => time >= from && time < from + SECONDS)
    .filter(({ client }) => Number(client.split('.')[3]) % 12 === 0)
    .map((entry): Planned => {
      const row = { ...entry, duration: 0, client: entry.address, protocol: 'HTTP/1.1' };
      return { at: 0, key: entry.client, row };
    });
  spread(requests, from);
  return requests;
}

/** With the busiest part of a real log where there is one. */
async function traffic(): Promise<Planned[]> {
  const real = LOG === undefined ? [] : (await plan(LOG, await busiest(LOG, SECONDS))).requests;
  return [...simulated(), ...real].sort((a, b) => a.at - b.at);
}

before(async () => {
  // A report must not be sent again because this machine is slow.
  const reach = { timeout_ms: 1000, listen: `127.0.0.1:${SCORER}`, address: `127.0.0.1:${PORT + 2}` };
  gateway = new Gateway({ port: PORT, noScorer: true, config: { scorer: reach } });
  await writeWholeModel(join(gateway.run, 'model'));
  await relay.listen(PORT + 2);
  const where = ['--config', gateway.configFile, '--run', gateway.run];
  scorer = new Part('scorer', [process.execPath, '--import', 'tsx', 'scorer/server.ts', ...where], SCORER);
  // The scorer first: a gateway that finds none takes its time until it asks again.
  await Promise.all([gateway.redis, ...gateway.backends].map((part) => part.start()));
  await scorer.start();
  await gateway.nginx.start();
  const requests = await traffic();
  sent = requests.length;
  const failures: string[] = [];
  await send(requests, {
    gateway: new URL(`http://127.0.0.1:${PORT}`),
    speed: 1,
    signal: new AbortController().signal,
    onDone: (_, { failed }) => failed !== null && failures.push(failed),
  });
  await gateway.drained();
  await gateway.log(); // waits until nginx has written it
  assert.deepEqual(failures, []);
  await readLogs([join(gateway.run, 'access.log')], (row) => lines.push(row));
});
after(async () => {
  await gateway.stop();
  await scorer?.end();
  await relay.close();
});

test('at every verdict the backtest has the window, the score, the tier and the lease of the running system', async () => {
  assert.ok(sent > 100, `${sent} requests are too few to say anything`);
  assert.equal(lines.length, sent);
  assert.equal(relay.failed, 0);
  const model = await loadModel(join(gateway.run, 'model'));
  const backtest = new BacktestScorer(model, LINES);
  const clients = waiting(lines);
  const tiers = new Set<string>();
  let compared = 0;
  let unsure = 0;
  let seq = 0;
  for (const { report, verdicts, seconds } of relay.exchanges) {
    if (report.seq <= seq) continue; // sent again: it was counted before
    seq = report.seq;
    for (const [i, reported] of report.clients.entries()) {
      const verdict = verdicts[i] as Verdict;
      const one = clients.get(clientKey(reported.ip) as string) as Waiting;
      follow(backtest, one, reported, verdict, seconds, TIERS);
      tiers.add(verdict.tier);
      compared += 1;
    }
    if (seconds.length > 1) unsure += 1;
  }
  const left = [...clients.values()].reduce(
    (sum, { arrived, ended }) => sum + arrived.length + ended.length,
    0,
  );
  assert.equal(left, 0, 'requests of the log that were never reported');
  console.log(
    `${sent} requests, ${relay.exchanges.length} reports, ${compared} verdicts compared; ` +
      `the second is not known of ${unsure} reports`,
  );
  assert.ok(compared > 300 && tiers.size > 1, `${compared} verdicts, tiers ${[...tiers].join(', ')}`);
  model.close();
});
