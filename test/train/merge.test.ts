import assert from 'node:assert/strict';
import test from 'node:test';
import { merged } from '../../train/merge.ts';

test('rows that are equal become few, none far heavier than the others, and weigh together what they weighed', () => {
  // 1,000 rows of one sort, and 100 that differ from them and each other
  const values = [...new Array<number>(1000).fill(0), ...Array.from({ length: 100 }, (_, i) => i + 1)];
  const n = values.length;
  const samples = {
    names: ['requests_60s'],
    rows: Float64Array.from(values),
    clients: values.map(String),
    request: new Uint32Array(n).fill(1),
    weights: new Float64Array(n).fill(1),
    n,
  };
  const found = merged(samples, new Float64Array(n).fill(1), new Float64Array(n).fill(1));
  const { rows } = found.samples;
  const weightOf = (is: (value: number) => boolean): number =>
    found.weights.reduce((sum, w, i) => sum + (is(rows[i] as number) ? w : 0), 0);
  assert.ok(found.samples.n < 130, `${found.samples.n} rows`);
  const share = weightOf((value) => value === 0) / weightOf(() => true);
  assert.ok(Math.abs(share - 1000 / 1100) < 1e-9, `${share}`);
  assert.ok(Math.max(...found.weights) <= 8);
  assert.equal(new Set(rows).size, 101);
});
