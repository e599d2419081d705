import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { root } from '../../config/paths.ts';
import { loadModel } from '../../scorer/model.ts';
import { label } from '../../train/label.ts';
import type { Entry } from '../../train/entry.ts';
import { MODEL_FEATURES } from '../../train/chosen.ts';
import { chosen } from '../../train/window.ts';
import { features } from '../../scorer/features.ts';
import { observe, observeEnd } from '../../scorer/observations.ts';
import { addHits, addObserved, emptyTrack, windowAt, type Window } from '../../scorer/window.ts';
import { expectedBackend } from '../model/backend.ts';

const dir = mkdtempSync(join(tmpdir(), 'scoregate-train-'));
after(() => rmSync(dir, { recursive: true }));

function train(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, ['--import', 'tsx', 'train/train.ts', ...args], {
    cwd: root,
    encoding: 'utf8',
  });
}

const FILES = ['golden.json', 'manifest.json', 'model.json', 'weights.bin'];

test('without logs it learns from the simulator, and the same seed gives the same bytes', async () => {
  const [one, two] = [join(dir, 'one'), join(dir, 'two')];
  const first = train('--out', one, '--epochs', '4', '--force');
  assert.equal(first.status, 0, first.stdout + first.stderr);
  assert.match(first.stdout, /epoch 4\/4: loss 0\.\d+/);
  assert.equal(train('--out', two, '--epochs', '4', '--force').status, 0);
  for (const file of FILES) {
    assert.ok(readFileSync(join(one, file)).equals(readFileSync(join(two, file))), file);
  }
  const model = await loadModel(one);
  assert.deepEqual(model.features, MODEL_FEATURES);
  assert.ok(model.compiled && model.monotone);
  assert.equal(model.manifest.backend, expectedBackend);
  model.close();
});

test('a model that is replaced is kept beside the new one, and another seed gives another version', async () => {
  const out = join(dir, 'one');
  const before = readFileSync(join(out, 'manifest.json'), 'utf8');
  assert.equal(train('--out', out, '--epochs', '4', '--seed', '2', '--force').status, 0);
  assert.equal(readFileSync(join(`${out}.previous`, 'manifest.json'), 'utf8'), before);
  assert.notEqual(readFileSync(join(out, 'manifest.json'), 'utf8'), before);
});

/** The window of somebody who sends these, `every` seconds one, at the moment of the last. */
function windowOf(every: number, requests: [Partial<Entry>, number][]): Window {
  const track = emptyTrack();
  requests.forEach(([more, status], i) => {
    const request = { method: 'GET', target: '/', referer: '', userAgent: BROWSER, ...more };
    const second = Math.floor(i * every);
    addHits(track, second, 1);
    addObserved(track, second, observe(request));
    if (i < requests.length - 1) addObserved(track, second, observeEnd(request, status));
  });
  return windowAt(track, Math.floor((requests.length - 1) * every));
}
const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36';

test('the model that ships leaves people alone, and sends a scanner to slow within 50 requests', async () => {
  const model = await loadModel(join(root, 'model'));
  after(() => model.close());
  const [, slow = 0] = model.thresholds;
  const scoreOf = async (window: Window): Promise<number> =>
    (await model.score(features(window, model.features), 1))[0] ?? NaN;
  const visit = (k: number): [Partial<Entry>, number][] => [
    [{ target: `/page${k}`, referer: 'https://site/' }, 200],
    ...['a.css', 'b.js', 'c.png', 'd.png', 'e.svg'].map((name): [Partial<Entry>, number] => [
      { target: `/${k}/${name}`, referer: `https://site/page${k}` },
      200,
    ]),
  ];
  const person = Array.from({ length: 20 }, (_, k) => visit(k)).flat();
  const scanner = Array.from({ length: 49 }, (_, k): [Partial<Entry>, number] => [{ target: `/x${k}` }, 404]);
  assert.ok((await scoreOf(windowOf(0.5, person))) < slow);
  assert.ok(
    (await scoreOf(
      windowOf(10, [
        [{ userAgent: 'curl/8.0' }, 200],
        [{ userAgent: 'curl/8.0' }, 200],
      ]),
    )) < slow,
  );
  assert.ok((await scoreOf(windowOf(0.1, scanner))) >= slow);
  assert.ok(
    (await scoreOf(
      windowOf(1, [
        [{}, 200],
        [{}, 200],
      ]),
    )) < slow,
    'two pages without a referer',
  );
  assert.ok(model.compiled && model.monotone);
});

function line(client: string, second: number, request: string, status: number, referer: string): string {
  const time = `10/Oct/2025:13:${String(Math.floor(second / 60)).padStart(2, '0')}:${String(second % 60).padStart(2, '0')} +0000`;
  return `${client} - - [${time}] "${request} HTTP/1.1" ${status} 500 "${referer}" "Mozilla/5.0"`;
}

test('it learns from logs: scanners by their errors, people by their assets; lines that do not fit are counted', () => {
  const lines: string[] = ['this is no log line'];
  for (let c = 1; c <= 20; c++) {
    for (let k = 0; k < 60; k++) {
      lines.push(line(`192.0.2.${c}`, k, `GET /x${k}.php`, 404, '-'));
      if (k % 10 === 0) lines.push(line(`198.51.100.${c}`, k, `GET /page${k}`, 200, 'http://site/'));
      if (k % 10 === 1)
        lines.push(line(`198.51.100.${c}`, k, `GET /a${k}.css`, 200, `http://site/page${k - 1}`));
    }
  }
  const log = join(dir, 'access.log');
  writeFileSync(log, `${lines.join('\n')}\n`);
  const run = train('--logs', log, '--out', join(dir, 'logs'), '--epochs', '4', '--force');
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /1 that do not fit/);
  assert.match(run.stdout, /access +20 \/ 240 +0 \/ 0 +20 \/ 1200 +0 \/ 0/);
  assert.match(run.stdout, /people ever in slow/);
});

test('a file without a line that fits is an error that names it, and nothing is written', () => {
  const log = join(dir, 'notes.txt');
  writeFileSync(log, 'hello\nworld\n');
  const out = join(dir, 'none');
  const run = train('--logs', log, '--out', out);
  assert.equal(run.status, 1);
  assert.match(run.stderr, /notes\.txt/);
  assert.ok(!existsSync(out));
});

for (const [args, message] of [
  [['--speed', '3'], /Unknown option '--speed'/],
  [['--features', 'shoe_size'], /there is no "shoe_size"; there are requests_60s/],
  [['--out', ''], /--out: name a folder/],
  [['--features', 'toString'], /there is no "toString"/],
  [['--features', 'page_rate,page_rate'], /--features: "page_rate" is there twice/],
  [['--epochs', 'many'], /--epochs: "many" is not a whole number/],
  [['--epochs', '1e99'], /--epochs: "1e99" is not a whole number from 1 to 10000/],
  [['--seed', '0x10'], /--seed: "0x10" is not a whole number from 0/],
] as const) {
  test(`${args.join(' ')} is refused with what would be right`, () => {
    const run = train(...args);
    assert.equal(run.status, 2);
    assert.match(run.stderr, message);
  });
}

test('a folder that holds something else than a model is not replaced', () => {
  const out = join(dir, 'precious');
  mkdirSync(out);
  writeFileSync(join(out, 'thesis.tex'), 'years of work');
  const run = train('--out', out, '--epochs', '1', '--force');
  assert.equal(run.status, 1);
  assert.match(run.stderr, /thesis\.tex/);
  assert.ok(existsSync(join(out, 'thesis.tex')));
});

test('a place where no folder can be is refused before there is a model', () => {
  const file = join(dir, 'file');
  writeFileSync(file, '');
  for (const out of [file, join(file, 'model')]) {
    const run = train('--out', out, '--epochs', '10000');
    assert.equal(run.status, 1);
    assert.match(run.stderr, /file.* is no folder; give another.* --out/);
  }
});

test('nor is one that has the name under which the previous model would be kept', () => {
  const out = join(dir, 'fresh');
  mkdirSync(`${out}.previous`);
  writeFileSync(join(`${out}.previous`, 'thesis.tex'), 'years of work');
  const run = train('--out', out, '--epochs', '1', '--force');
  assert.equal(run.status, 1);
  assert.match(run.stderr, /thesis\.tex/);
  assert.ok(existsSync(join(`${out}.previous`, 'thesis.tex')) && !existsSync(out));
});

test('a client is one witness: at most 30 of its windows, spread evenly, the last among them', () => {
  assert.deepEqual([...chosen(3, 30)], [1, 2, 3]);
  const many = chosen(1000, 30);
  assert.equal(many.size, 30);
  assert.ok(many.has(1000));
});

test('labels rest on a whole life: a login campaign is abuse, a declared crawler polite, the rest has none', () => {
  const entry = (client: string, time: number, more: Partial<Entry>): Entry => ({
    ...{ time, client, address: client, method: 'GET', target: '/', status: 200, bytes: 1, referer: '' },
    ...{ userAgent: 'Mozilla/5.0', ...more },
  });
  const entries: Entry[] = [];
  for (let k = 0; k < 30; k++) {
    entries.push(entry('a', k, { method: 'POST', target: '/login' }));
    entries.push(entry('b', k, { userAgent: 'ExampleBot/1.0' }));
  }
  entries.push(entry('c', 50, {}));
  const labels = label(entries);
  assert.equal(labels.get('a')?.class, 'abuse');
  assert.equal(labels.get('b')?.class, 'polite');
  assert.equal(labels.get('c'), undefined);
});
