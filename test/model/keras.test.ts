import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { unzipSync, zipSync } from 'fflate';
import { root } from '../../config/paths.ts';
import { loadModel } from '../../scorer/model.ts';
import { convert } from '../../train/keras/convert.ts';
import { options } from '../../train/keras/options.ts';

const dir = mkdtempSync(join(tmpdir(), 'scoregate-keras-'));
after(() => rmSync(dir, { recursive: true }));
/** Made by make.py beside them, with Keras 2.15 and 3.10. */
const at = (name: string): string => join(root, 'test/model/keras', name);
interface Predictions {
  inputs: number[][];
  scores: number[];
}
const predictions = (name: string): Predictions =>
  JSON.parse(readFileSync(at(`${name}_predictions.json`), 'utf8')) as Predictions;

function onCommandLine(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, ['--import', 'tsx', 'train/keras/import.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
  });
}

/** As the command does, in this process: a process of its own for each would take a minute in all. */
async function importKeras(...args: string[]): Promise<string> {
  const chosen = options(args);
  assert.ok(chosen, 'no options');
  return convert(chosen);
}

/** Fails if the import does not fail, or does not say so; nothing may be written. */
async function refused(says: RegExp, ...args: string[]): Promise<void> {
  const out = join(dir, 'refused');
  await assert.rejects(importKeras(...args, '--out', out), says);
  assert.equal(existsSync(out), false);
}

const THREE = ['--features', 'requests_60s,errors_4xx,pages_no_referer'];
// The columns of the first layer are joined in another order than the inputs have.
const NAMED = ['--features', 'errors=errors_4xx,bare=pages_no_referer,requests=requests_60s'];
const imported: [string, string[], { compiled: boolean; features: string[]; columns: number[] }][] = [
  ['scoring_model.h5', [], { compiled: true, features: ['requests_60s'], columns: [0] }],
  ['normalised.h5', THREE, { compiled: true, features: (THREE[1] as string).split(','), columns: [0, 1, 2] }],
  [
    'functional.keras',
    ['--features', 'requests_60s,errors_4xx'],
    { compiled: true, features: ['requests_60s', 'errors_4xx'], columns: [0, 1] },
  ],
  [
    'named.keras',
    NAMED,
    { compiled: true, features: ['pages_no_referer', 'requests_60s', 'errors_4xx'], columns: [2, 0, 1] },
  ],
  [
    'classes.h5',
    ['--class-scores', '0,0.5,1'],
    { compiled: false, features: ['requests_60s'], columns: [0] },
  ],
];

for (const [file, args, { compiled, features, columns }] of imported) {
  test(`${file} gives, once imported, what Keras predicted for 100 rows, to 1e-5`, async (t) => {
    const out = join(dir, file);
    await importKeras(at(file), '--out', out, ...args);
    const { inputs, scores } = predictions(file.replace(/\.\w+$/, ''));
    assert.equal(inputs.length, 100);
    const model = await loadModel(out);
    const rows = Float64Array.from(inputs.flatMap((row) => columns.map((i) => row[i] as number)));
    const got = await model.score(rows, 100);
    const apart = scores.map((score, i) => Math.abs(score - (got[i] as number)));
    const most = Math.max(...apart);
    t.diagnostic(`largest difference ${most}`);
    assert.ok(most <= 1e-5, `largest difference ${most}`);
    assert.equal(model.compiled, compiled, model.uncompiled);
    assert.deepEqual(model.features, features);
    assert.deepEqual(model.thresholds, [0.35, 0.7]);
    model.close();
  });
}

test('a model of the requests in 60 s serves at once, and says at which rates its lines are', async () => {
  const out = join(dir, 'at-once');
  const run = onCommandLine(at('scoring_model.h5'), '--out', out, '--thresholds', '0.3,0.6');
  assert.equal(run.status, 0, run.stderr);
  const [, standard, slow] = /a line: 0\.3 from (\d+), 0\.6 from (\d+)/.exec(run.stdout) ?? [];
  assert.doesNotMatch(run.stdout, /not monotone/);
  const model = await loadModel(out);
  assert.deepEqual([model.monotone, model.compiled], [true, true]);
  assert.deepEqual(model.thresholds, [0.3, 0.6]);
  const rates = [Number(standard) - 1, Number(standard), Number(slow) - 1, Number(slow)];
  const scores = await model.score(Float64Array.from(rates), 4);
  assert.deepEqual(
    [...scores].map((score) => [score >= 0.3, score >= 0.6].filter(Boolean).length),
    [0, 1, 1, 2],
  );
  assert.equal(model.manifest.data['source'], 'keras');
  assert.equal(model.manifest.data['keras'], '2.15.0');
  model.close();
});

test('the model that was there is kept beside the new one', async () => {
  const out = join(dir, 'at-once');
  const before = readFileSync(join(out, 'manifest.json'), 'utf8');
  await importKeras(at('scoring_model.h5'), '--out', out);
  assert.equal(readFileSync(join(`${out}.previous`, 'manifest.json'), 'utf8'), before);
});

test('a model whose score can fall when a client does more is imported with a warning', async () => {
  const out = join(dir, 'normalised.h5');
  const said = await importKeras(at('normalised.h5'), ...THREE, '--out', out);
  assert.match(said, /every request will ask the scorer/);
  const model = await loadModel(out);
  assert.equal(model.monotone, false);
  model.close();
});

test("Keras's predictions become the golden rows, and an import that differs from them fails", async () => {
  const [out, given] = [join(dir, 'golden'), at('named_predictions.json')];
  const said = await importKeras(at('named.keras'), ...NAMED, '--predictions', given, '--out', out);
  assert.match(said, /differs from Keras's predictions by \d\.\de-\d+ at most/);
  const golden = JSON.parse(readFileSync(join(out, 'golden.json'), 'utf8')) as Predictions;
  assert.deepEqual(golden.scores, predictions('named').scores);
  const wrong = join(dir, 'wrong.json');
  const { inputs, scores } = predictions('named');
  writeFileSync(
    wrong,
    JSON.stringify({ inputs, scores: scores.map((score, i) => score + (i === 7 ? 2e-5 : 0)) }),
  );
  await refused(/wrong\.json: row 7: Keras predicted/, at('named.keras'), ...NAMED, '--predictions', wrong);
});

test('scaling that was done before training is given as options, and done to the features', async () => {
  const out = join(dir, 'scaled');
  const scaling = ['--log1p', '--mean', '3', '--scale', '0.01'];
  await importKeras(at('scoring_model.h5'), ...scaling, '--out', out);
  const [plain, scaled] = [await loadModel(join(dir, 'scoring_model.h5')), await loadModel(out)];
  const [expected] = await plain.score(Float64Array.of((Math.log1p(60) - 3) / 0.01), 1);
  const [got] = await scaled.score(Float64Array.of(60), 1);
  assert.ok(
    Math.abs((expected as number) - (got as number)) < 1e-5 && (got as number) < 0.9,
    `${expected}, ${got}`,
  );
  plain.close();
  scaled.close();
});

interface Layer {
  class_name: string;
  name: string;
  config: Record<string, unknown>;
}

/** functional.keras with another configuration. */
function changed(name: string, change: (layers: Layer[]) => void): string {
  const entries = unzipSync(readFileSync(at('functional.keras')));
  const config = JSON.parse(Buffer.from(entries['config.json'] as Uint8Array).toString()) as {
    config: { layers: Layer[] };
  };
  change(config.config.layers);
  const file = join(dir, name);
  writeFileSync(file, zipSync({ ...entries, 'config.json': Buffer.from(JSON.stringify(config)) }));
  return file;
}
const last = (layers: Layer[]): Layer => layers.at(-1) as Layer;
const TWO = ['--features', 'requests_60s,errors_4xx'];

test('a layer that cannot be imported is named, with its class', async () => {
  const file = changed('conv.keras', (layers) => ((layers[2] as Layer).class_name = 'Conv1D'));
  await refused(
    /conv\.keras, layer "first" \(Conv1D\): cannot be imported; layers that can be: Dense,/,
    file,
    ...TWO,
  );
});

test('an activation that cannot be imported is named, with its layer', async () => {
  const file = changed('act.keras', (layers) => ((layers[2] as Layer).config['activation'] = 'exponential'));
  await refused(/layer "first" \(Dense\): has the activation "exponential"; those/, file, ...TWO);
});

test('an output outside 0 to 1 is refused with its activation and an example', async () => {
  const file = changed('linear.keras', (layers) => {
    for (const layer of layers) if (layer.class_name === 'Dense') layer.config['activation'] = 'linear';
  });
  await refused(/output: its activation "linear" gives -?[\d.]+ for \[\d+,\d+\]; .* sigmoid/, file, ...TWO);
});

test('a network that branches is refused at the layer that joins', async () => {
  const file = changed('branch.keras', (layers) => {
    const nodes = [
      [
        ['first', 0, 0, {}],
        ['second', 0, 0, {}],
      ],
    ];
    Object.assign(last(layers), { class_name: 'Add', inbound_nodes: nodes });
  });
  await refused(/layer "score" \(Add\): joins 2 layers; only one chain/, file, ...TWO);
});

test('a layer without its weights is refused', async () => {
  const file = changed('lost.keras', (layers) => Object.assign(layers[3] as Layer, { class_name: 'Dense' }));
  await refused(/layer "\w+" \(Dense\): its kernel is/, file, ...TWO);
});

test('several inputs must be mapped: the error says how, and which features there are', async () => {
  await refused(/3 inputs, .*--features with 3 names.*features: requests_60s, /, at('normalised.h5'));
  await refused(/requests, errors, bare.*--features requests=FEATURE,errors=FEATURE,/, at('named.keras'));
  await refused(
    /"bare" has no feature; add bare=FEATURE/,
    at('named.keras'),
    '--features',
    'requests=requests_60s,errors=errors_4xx',
  );
  await refused(
    /no feature "shoe_size"; features: requests_60s/,
    at('scoring_model.h5'),
    '--features',
    'shoe_size',
  );
  await refused(/2 features for 3 inputs/, at('normalised.h5'), ...TWO);
});

test('classes without scores of their own are refused with the option that gives them', async () => {
  await refused(/softmax of 3 classes; .*--class-scores 0,0.5,1/, at('classes.h5'));
  await refused(/is no softmax; leave --class-scores out/, at('scoring_model.h5'), '--class-scores', '0,1');
});

test('a file that is no model is refused with what it is', async () => {
  const text = join(dir, 'text.h5');
  writeFileSync(text, 'no model');
  await refused(/text\.h5: is not HDF5; save the model again/, text);
  await refused(/nowhere\.h5: does not exist/, join(dir, 'nowhere.h5'));
  await refused(/is a folder \(a SavedModel\?\)/, dir);
  const weights = join(dir, 'weights.h5');
  writeFileSync(weights, unzipSync(readFileSync(at('functional.keras')))['model.weights.h5'] as Uint8Array);
  await refused(/holds no model_config, so weights only; save the whole model/, weights);
});

test('what cannot be meant on the command line is refused with the usage', async () => {
  const run = onCommandLine(at('scoring_model.h5'), '--colour');
  assert.match(run.stderr, /'--colour'[\s\S]*npm run import-keras -- FILE/);
  assert.equal(run.status, 2);
  await refused(/--thresholds: 0.7,0.3 must rise/, at('scoring_model.h5'), '--thresholds', '0.7,0.3');
  await refused(/--scale: 0 must be above 0/, at('scoring_model.h5'), '--scale', '0');
  await refused(/--mean: 2 numbers for 1 features/, at('scoring_model.h5'), '--mean', '1,2');
  await refused(/name the file/);
});
