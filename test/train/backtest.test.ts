import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { backtestOptions, UsageError } from '../../train/backtest_options.ts';
import { Comparison } from '../../train/backtest_compare.ts';
import { type Routed } from '../../train/backtest_gateway.ts';
import { Rows } from '../../train/backtest_rows.ts';
import { arrivals, newSource, type Arrival } from '../../train/backtest_source.ts';
import { Tally } from '../../train/backtest_tally.ts';
import { clients } from '../../train/logs.ts';
import { writeModel } from '../scorer/models.ts';
import { request } from './arrivals.ts';

function folder(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'scoregate-backtest-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}
const line = (second: number, client: string, target = '/', status = 200): string =>
  `${client} - - [01/Jan/2026:00:${String(Math.floor(second / 60)).padStart(2, '0')}:${String(second % 60).padStart(2, '0')} +0000] ` +
  `"GET ${target} HTTP/1.1" ${status} 100 "-" "curl/8"`;

test('lines out of order are put into their place, several logs are merged, and late ones are counted', async (t) => {
  const dir = folder(t);
  const [a, b] = [path.join(dir, 'a.log'), path.join(dir, 'b.log')];
  writeFileSync(
    a,
    [line(10, '192.0.2.1'), line(5, '192.0.2.2'), line(200, '192.0.2.3'), line(90, '192.0.2.4')].join('\n'),
  );
  writeFileSync(b, [line(7, '192.0.2.5'), line(8, '192.0.2.5', '-', 408)].join('\n'));
  const source = newSource();
  const seen: Arrival[] = [];
  for await (const batch of arrivals([a, b], source)) seen.push(...batch);
  const at = seen.map((one) => one.at);
  assert.deepEqual(
    at,
    [...at].sort((x, y) => x - y),
  );
  assert.deepEqual(
    seen.map(({ client }) => client.key.slice(-1)),
    ['2', '5', '1', '4', '3'],
  );
  assert.equal(source.late, 1);
  assert.deepEqual([...source.left.values()], [1]);
});

test('a client has one number, whichever of its addresses it came from', () => {
  const who = clients();
  assert.deepEqual(
    ['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1', '2001:db8::2', 'localhost', '192.0.2.2'].map(
      (address) => who(address)?.number,
    ),
    [0, 1, 0, 1, undefined, 2],
  );
});

test('requests of one second are spread over it', async (t) => {
  const file = path.join(folder(t), 'a.log');
  writeFileSync(file, `${line(10, '192.0.2.1')}\n`.repeat(4));
  const seen: number[] = [];
  for await (const batch of arrivals([file], newSource())) seen.push(...batch.map(({ at }) => at % 10_000));
  assert.deepEqual(seen, [0, 250, 500, 750]);
});

test('rows are written in the order of the log, whatever the order in which they were decided', (t) => {
  const file = path.join(folder(t), 'out.csv');
  const rows = new Rows(file, ['fast', 'slow'], []);
  const made = [0, 1, 2].map((at) => request({ at, client: `192.0.2.${at}` }));
  const first = (made[0] as Arrival).place;
  for (const one of made) one.place -= first;
  for (const i of [2, 0, 1]) rows.add(made[i] as Arrival, { tier: i % 2, score: 0.25, origin: 'fresh' });
  rows.close();
  assert.deepEqual(readFileSync(file, 'utf8').trim().split('\n'), [
    'time,client,tier,score',
    '2026-01-01T00:00:00Z,192.0.2.0,fast,0.25',
    '2026-01-01T00:00:01Z,192.0.2.1,slow,0.25',
    '2026-01-01T00:00:02Z,192.0.2.2,fast,0.25',
  ]);
});

test('tier changes are counted per client and day, and the first request that is diverted is named', () => {
  const tally = new Tally(3);
  const visit = (at: number, tier: number): void =>
    tally.add(request({ at }), { tier, score: 0, origin: 'fresh' });
  [0, 1, 2, 1].forEach((tier, i) => visit(i, tier));
  visit(86_400, 2);
  const [client] = tally.diverted();
  assert.deepEqual([client?.diverted, client?.worst, client?.changes, client?.mostChanges], [2, 2, 4, 3]);
  assert.deepEqual(
    tally.tiers.map(({ clients, requests }) => [clients, requests]),
    [
      [1, 1],
      [1, 2],
      [1, 2],
    ],
  );
});

test('two models side by side: the matrix has every request, and who moves furthest comes first', () => {
  const comparison = new Comparison(3);
  const go = (client: string, one: number, other: number): void => {
    const route = (tier: number): Routed => ({ tier, score: 0, origin: 'fresh' });
    comparison.add(request({ at: 0, client }), route(one), route(other));
  };
  go('192.0.2.1', 0, 0);
  go('192.0.2.2', 0, 1);
  go('192.0.2.3', 0, 2);
  assert.deepEqual(comparison.requests, [
    [1, 1, 1],
    [0, 0, 0],
    [0, 0, 0],
  ]);
  assert.deepEqual(
    comparison.movers().map(({ key, worst }) => [key, ...worst]),
    [
      ['192.0.2.3', 0, 2],
      ['192.0.2.2', 0, 1],
    ],
  );
});

test('an option that does not exist, a missing log and an unknown form of output are errors that say what is right', () => {
  for (const [args, message] of [
    [['--log', 'a'], /Unknown option '--log'/],
    [['a.log'], /--logs FILE/],
    [[], /name at least one access log/],
    [['--logs', 'a', '--out', 'a.txt'], /\.csv or \.jsonl/],
    [['--logs', '-', '-'], /can be read once/],
  ] as const)
    assert.throws(
      () => backtestOptions(args),
      (error: unknown) => error instanceof UsageError && message.test(error.message),
      args.join(' '),
    );
});

test('npm run backtest says who goes where, writes rows, and compares two models', (t) => {
  const dir = folder(t);
  const log = path.join(dir, 'a.log');
  writeModel(path.join(dir, 'mild'), { middle: 2000 });
  writeModel(path.join(dir, 'strict'), { middle: 50 });
  const flood = Array.from({ length: 300 }, (_, i) => line(Math.floor(i / 10), '198.51.100.7', `/${i}`));
  writeFileSync(log, [...flood, line(40, '192.0.2.9'), 'no log line'].join('\n'));
  const go = (...args: string[]): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, ['launch/run.mjs', 'train/backtest.ts', '--logs', log, ...args], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      encoding: 'utf8',
    });
  const out = path.join(dir, 'rows.jsonl');
  const done = go('--model', path.join(dir, 'mild'), '--compare', path.join(dir, 'strict'), '--out', out);
  assert.equal(done.status, 0, String(done.stderr));
  assert.match(String(done.stdout), /301 lines, 1 that do not fit/);
  assert.match(String(done.stdout), /2 clients|1 clients move/);
  assert.match(String(done.stdout), /198\.51\.100\.7 +300 .*worse +fast +slow/);
  const rows = readFileSync(out, 'utf8').trim().split('\n');
  assert.equal(rows.length, 301);
  assert.deepEqual(Object.keys(JSON.parse(rows[0] as string) as object), ['time', 'client', 'tier', 'score']);
  const wrong = go('--model', path.join(dir, 'nowhere'));
  assert.equal(wrong.status, 1);
  assert.match(String(wrong.stderr), /nowhere/);
});
