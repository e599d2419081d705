import assert from 'node:assert/strict';
import test from 'node:test';
import { simulate } from '../../train/simulate.ts';
import { windows, ofClients } from '../../train/window.ts';

const { entries, labels } = simulate(3);

test('the simulator gives the same traffic for the same seed, in the order of time, all of it labelled', () => {
  assert.deepEqual(simulate(3).entries.slice(0, 2000), entries.slice(0, 2000));
  assert.notDeepEqual(simulate(4).entries.slice(0, 100), entries.slice(0, 100));
  assert.ok(entries.every((entry, i) => i === 0 || entry.time >= (entries[i - 1]?.time ?? 0)));
  assert.ok(entries.every((entry) => labels.has(entry.client)));
});

test("training's windows hold what a count over the log holds", () => {
  const of = new Set([...labels.keys()].filter((_, i) => i % 97 === 0));
  const samples = windows(entries, ['requests_60s'], (client) => of.has(client), Infinity);
  const times = new Map<string, number[]>([...of].map((client) => [client, []]));
  let row = 0;
  for (const { client, time } of entries) {
    const seen = times.get(client);
    if (seen === undefined) continue;
    const second = Math.floor(time);
    seen.push(second);
    assert.equal(samples.clients[row], client);
    assert.equal(samples.request[row], seen.length);
    let expected = 0;
    for (let i = seen.length - 1; i >= 0 && (seen[i] as number) > second - 60; i--) expected++;
    assert.equal(samples.rows[row++], expected);
  }
  assert.equal(row, samples.n);
});

test("a request's own answer is not in the window that judges it", () => {
  const [first] = entries;
  assert.ok(first);
  const twice = [
    { ...first, status: 404 },
    { ...first, status: 404 },
  ];
  const samples = windows(twice, ['errors_4xx', 'requests_60s'], () => true);
  assert.deepEqual([...samples.rows], [0, 1, 1, 2]);
});

test('clients weigh 1/√windows, and rows can be taken by client', () => {
  const samples = windows(
    entries,
    ['requests_60s'],
    (client) => client === '10.0.0.1' || client === '10.0.3.200',
  );
  const part = ofClients(samples, (client) => client === '10.0.0.1');
  assert.ok(part.n > 0 && part.n <= 30 && part.clients.every((client) => client === '10.0.0.1'));
  for (const weight of part.weights) assert.equal(weight, 1 / Math.sqrt(part.n));
});
