import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, beforeEach } from 'node:test';
import { root } from '../../config/paths.ts';
import { ModelError, loadModel } from '../../scorer/model.ts';
import { sha256 } from '../../scorer/manifest.ts';
import { writeModel } from '../scorer/models.ts';
import { expectedBackend } from './backend.ts';

const dir = mkdtempSync(join(tmpdir(), 'scoregate-model-'));
after(() => rmSync(dir, { recursive: true }));
beforeEach(() => void writeModel(dir));

const refused = (code: string, file: string): ((error: unknown) => boolean) => {
  return (error) => error instanceof ModelError && error.code === code && error.file.endsWith(file);
};

test('the model that ships loads, is compiled and gives its golden scores', async () => {
  const model = await loadModel(join(root, 'model'));
  const golden = JSON.parse(readFileSync(join(root, 'model', 'golden.json'), 'utf8')) as {
    inputs: number[][];
    scores: number[];
  };
  const scores = await model.score(Float64Array.from(golden.inputs.flat()), golden.inputs.length);
  golden.scores.forEach((expected, i) => assert.ok(Math.abs((scores[i] ?? NaN) - expected) <= 1e-5, `row ${i}`));
  assert.ok(model.compiled);
  assert.equal(model.backend, expectedBackend);
  model.close();
});

test('a file that is not the one of the manifest is refused', async () => {
  writeFileSync(join(dir, 'weights.bin'), Buffer.alloc(8, 1));
  await assert.rejects(loadModel(dir), refused('MODEL_CHANGED', 'weights.bin'));
});

test('golden rows that the network does not give are refused', async () => {
  const golden = join(dir, 'golden.json');
  const rows = JSON.parse(readFileSync(golden, 'utf8')) as { scores: number[] };
  rows.scores[3] = 0.123;
  const text = JSON.stringify(rows);
  writeFileSync(golden, text);
  const manifest = join(dir, 'manifest.json');
  const whole = JSON.parse(readFileSync(manifest, 'utf8')) as { files: Record<string, string> };
  whole.files['golden.json'] = sha256(text);
  writeFileSync(manifest, JSON.stringify(whole));
  await assert.rejects(loadModel(dir), refused('MODEL_GOLDEN', 'golden.json'));
});

test('a feature that nobody computes is refused by its name', async () => {
  const manifest = join(dir, 'manifest.json');
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"requests_60s"', '"shoe_size"'));
  await assert.rejects(loadModel(dir), (error) => refused('MODEL_UNKNOWN_FEATURE', 'manifest.json')(error) && /shoe_size/.test(String(error)));
});

test('a missing file and a malformed one are refused with what would help', async () => {
  rmSync(join(dir, 'model.json'));
  await assert.rejects(loadModel(dir), refused('MODEL_MISSING', 'model.json'));
  writeModel(dir);
  writeFileSync(join(dir, 'manifest.json'), '{"format": 1,');
  await assert.rejects(loadModel(dir), (error) => refused('MODEL_MALFORMED', 'manifest.json')(error) && /npm run train/.test(String(error)));
});
