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
import { chosen } from '../../train/window.ts';
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
  const first = train('--out', one, '--epochs', '4');
  assert.equal(first.status, 0, first.stdout + first.stderr);
  assert.match(first.stdout, /epoch 4\/4: loss 0\.\d+/);
  assert.equal(train('--out', two, '--epochs', '4').status, 0);
  for (const file of FILES) {
    assert.ok(readFileSync(join(one, file)).equals(readFileSync(join(two, file))), file);
  }
  const model = await loadModel(one);
  assert.deepEqual(model.features, ['requests_60s']);
  assert.ok(model.compiled && model.monotone);
  assert.equal(model.manifest.backend, expectedBackend);
  model.close();
});

test('a model that is replaced is kept beside the new one, and another seed gives another version', async () => {
  const out = join(dir, 'one');
  const before = readFileSync(join(out, 'manifest.json'), 'utf8');
  assert.equal(train('--out', out, '--epochs', '4', '--seed', '2').status, 0);
  assert.equal(readFileSync(join(`${out}.previous`, 'manifest.json'), 'utf8'), before);
  assert.notEqual(readFileSync(join(out, 'manifest.json'), 'utf8'), before);
});

test('the model that ships calls people of 20 pages a minute fast or standard, and 250 requests a minute slow', async () => {
  const model = await loadModel(join(root, 'model'));
  const scores = await model.score(Float64Array.of(1, 20, 108, 251), 4);
  const [standard = 0, slow = 0] = model.thresholds;
  assert.ok((scores[0] ?? 1) < standard && (scores[1] ?? 1) < standard);
  assert.ok((scores[2] ?? 1) < slow);
  assert.ok((scores[3] ?? 0) >= slow);
  model.close();
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
      if (k % 10 === 1) lines.push(line(`198.51.100.${c}`, k, `GET /a${k}.css`, 200, 'http://site/page'));
    }
  }
  const log = join(dir, 'access.log');
  writeFileSync(log, `${lines.join('\n')}\n`);
  const run = train('--logs', log, '--out', join(dir, 'logs'), '--epochs', '4');
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /1 that do not fit/);
  assert.match(run.stdout, /labelled clients: 20 people, 0 polite, 20 abuse/);
  assert.match(run.stdout, /ever in slow/);
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
  [['--epochs', 'many'], /--epochs: "many" is not a whole number/],
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
  const run = train('--out', out, '--epochs', '1');
  assert.equal(run.status, 1);
  assert.match(run.stderr, /thesis\.tex/);
  assert.ok(existsSync(join(out, 'thesis.tex')));
});

test('nor is one that has the name under which the previous model would be kept', () => {
  const out = join(dir, 'fresh');
  mkdirSync(`${out}.previous`);
  writeFileSync(join(`${out}.previous`, 'thesis.tex'), 'years of work');
  const run = train('--out', out, '--epochs', '1');
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
