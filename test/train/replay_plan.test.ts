import assert from 'node:assert/strict';
import test from 'node:test';
import { busiest, parseDuration, parseMoment, plan, PlanError } from '../../train/replay_plan.ts';
import { line, logOf, START } from './replay_log.ts';

test('requests of the same second are spread over it, in the order of time and then of the log', async (t) => {
  const file = logOf(t, [line('192.0.2.2', 1), line('192.0.2.1', 0), line('192.0.2.3', 1)]);
  const { requests, from, seconds } = await plan(file, { from: -Infinity, to: Infinity });
  assert.deepEqual(
    requests.map(({ at, key }) => [at, key]),
    [
      [0, '192.0.2.1'],
      [1, '192.0.2.2'],
      [1.5, '192.0.2.3'],
    ],
  );
  assert.deepEqual([from, seconds], [START, 2]);
});

test('a range includes its first second and not its last, and an empty one says what the log holds', async (t) => {
  const file = logOf(
    t,
    [0, 1, 2, 3].map((second) => line('192.0.2.1', second)),
  );
  assert.equal((await plan(file, { from: START + 1, to: START + 3 })).requests.length, 2);
  await assert.rejects(
    plan(file, { from: START + 9, to: Infinity }),
    /holds 2024-01-01T00:00:00Z to 2024-01-01T00:00:03Z/,
  );
});

test('the busiest span is the one with the most requests, wherever it begins', async (t) => {
  const seconds = [0, 1, 40, 70, 71, 72, 90, 200];
  const file = logOf(
    t,
    seconds.map((second) => line('192.0.2.1', second)),
  );
  assert.deepEqual(await busiest(file, 30), { from: START + 70, to: START + 100 });
  assert.deepEqual(await busiest(file, 60), { from: START + 40, to: START + 100 });
  await assert.rejects(busiest('-', 60), PlanError);
});

test('what nginx would refuse by itself is left out and counted', async (t) => {
  const file = logOf(t, [
    line('192.0.2.1', 0),
    line('192.0.2.1', 0, '\\x16\\x03\\x01', 400),
    line('192.0.2.1', 0, 'CONNECT a:1 HTTP/1.1', 405),
    line('192.0.2.1', 0, 'OPTIONS * HTTP/1.1'),
    line('host.example', 0),
  ]);
  const { requests, skipped } = await plan(file, { from: -Infinity, to: Infinity });
  assert.equal(requests.length, 1);
  assert.deepEqual(Object.values(skipped), [1, 1, 1, 1]);
});

test('durations and moments are read, and others are errors that show what is right', () => {
  assert.deepEqual([parseDuration('90s'), parseDuration('10m'), parseDuration('1h')], [90, 600, 3600]);
  assert.equal(parseMoment('--from', '2024-01-01T02:00:00+02:00'), START);
  assert.throws(() => parseDuration('10'), /90s, 10m or 1h/);
  assert.throws(() => parseMoment('--from', '2024-01-01T02:00:00'), /with its zone/);
});
