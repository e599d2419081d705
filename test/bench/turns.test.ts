import test from 'node:test';
import assert from 'node:assert/strict';
import type { Peer } from '../../bench/peers.ts';
import { cost, interleaved, linesOf, rate, ratio, type Turn, type Turns } from '../../bench/turns.ts';

const turn = (rate: number, cpu_us: number, others = 0.5): Turn => ({
  answered: rate,
  seconds: 1,
  rate,
  cpu_us,
  busy: { gateway: 0.9, others },
});

test('a ratio is the median of the ratios of each round, not the ratio of the medians', () => {
  const turns: Turns = new Map([
    ['a', [turn(100, 10), turn(50, 20), turn(300, 10)]],
    ['b', [turn(200, 10), turn(50, 10), turn(200, 40)]],
  ]);
  assert.equal(ratio(turns, 'a', 'b', rate), 1);
  assert.equal(ratio(turns, 'a', 'b', cost), 1);
  assert.equal(ratio(turns, 'b', 'a', rate), 1);
  assert.ok(Number.isNaN(ratio(turns, 'a', 'nobody', rate)));
});

test('each proxy has its turn in every round, after a second that is not counted', async () => {
  let used = 0;
  const peers = ['a', 'b'].map((name): Peer => ({
    name,
    port: 1,
    pid: 1,
    cpu: () => used,
    emptyLog: () => undefined,
  }));
  const runs: [string, number][] = [];
  const run = (peer: Peer, seconds: number) => {
    runs.push([peer.name, seconds]);
    used += 0.002 * seconds;
    return Promise.resolve({ answered: 100 * seconds, seconds });
  };
  const turns = await interleaved(peers, run, { rounds: 2, seconds: 3 });
  const round: [string, number][] = [['a', 1], ['a', 3], ['b', 1], ['b', 3]]; // prettier-ignore
  assert.deepEqual(runs, [...round, ...round]);
  assert.deepEqual([...turns.keys()], ['a', 'b']);
  for (const one of turns.get('b') ?? []) {
    assert.equal(one.rate, 100);
    assert.ok(Math.abs(one.cpu_us - 20) < 1e-6, String(one.cpu_us));
  }
});

test('a line says when it is not the proxy that limits', () => {
  const lines = linesOf(new Map([['fast', [turn(12345, 21.5, 0.99)]], ['slow', [turn(100, 80)]]])); // prettier-ignore
  assert.match(lines[0] ?? '', /^ +fast +12,345 requests\/s +21\.5 µs .*others 99 %, which limit it$/);
  assert.match(lines[1] ?? '', /^ +slow +100 requests\/s +80\.0 µs .*others 50 %$/);
});
