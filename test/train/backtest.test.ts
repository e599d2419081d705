import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { backtestOptions, UsageError } from '../../train/backtest_options.ts';
import { Comparison } from '../../train/backtest_compare.ts';
import { BacktestGateway, type Routed } from '../../train/backtest_gateway.ts';
import { Rows } from '../../train/backtest_rows.ts';
import { arrivals, newSource, type Arrival } from '../../train/backtest_source.ts';
import { Tally } from '../../train/backtest_tally.ts';
import { clients, type Who } from '../../train/logs.ts';
import { noPages } from '../../scorer/form.ts';
import type { Judging } from '../../scorer/judge.ts';
import { looksOf } from '../../scorer/observations.ts';
import { fakeModel, writeModel } from '../scorer/models.ts';

const LINES = { margin: 0.05, holds: [120, 600], repeat: 0, clean: 0 };
const START = Date.UTC(2026, 0, 1) / 1000;

interface Asked {
  at: number;
  client?: string;
  status?: number;
  method?: string;
  referer?: string;
  seconds?: number;
}
let place = 0;
const whoIs = clients();
const request = ({
  at,
  client: address = '192.0.2.1',
  status = 200,
  seconds = 0,
  ...more
}: Asked): Arrival => {
  const { method = 'GET', referer = 'http://site/' } = more;
  const asked = { method, target: '/a.css', referer, userAgent: 'Mozilla/5.0' };
  const [arrived, answered] = looksOf(asked, status, noPages(), START + at);
  const [time, ends] = [START + at, 1000 * (START + at + seconds)];
  const client = whoIs(address) as Who;
  return { client, place: place++, time, at: 1000 * time, ends, status, bytes: 100, arrived, answered };
};

async function routes(model: Judging, asked: readonly Asked[]): Promise<[BacktestGateway, Routed[]]> {
  const gateway = new BacktestGateway(model, LINES, 1000);
  const routed: Routed[] = [];
  for (const one of asked) routed.push(gateway.arrive(request(one)));
  gateway.finish();
  return [gateway, routed];
}
const tiersOf = (routed: readonly Routed[]): number[] => routed.map(({ tier }) => tier);
const every = (seconds: number, n: number, more: Omit<Asked, 'at'> = {}): Asked[] =>
  Array.from({ length: n }, (_, i) => ({ at: i * seconds, ...more }));
/** A model that minds nothing but errors: 0.5 at `middle` of them. */
function errorModel(middle: number): Judging {
  const score = (rows: Float64Array, n: number): Float64Array =>
    Float64Array.from({ length: n }, (_, i) => 1 / (1 + Math.exp(middle - (rows[2 * i + 1] as number))));
  return { features: ['requests_60s', 'errors_4xx'], thresholds: [0.5, 0.9], monotone: true, score };
}

test('a flood is moved at the request whose score crosses the line, however long its leases were', async () => {
  const model = fakeModel({ middle: 100 });
  const crosses = Array.from(
    { length: 300 },
    (_, i) => (model.score(Float64Array.of(i + 1), 1) as Float64Array)[0],
  );
  const expected = [0.35, 0.7].map((line) => crosses.findIndex((score) => (score as number) >= line));
  const [, routed] = await routes(model, every(0.05, 300));
  assert.deepEqual(
    [1, 2].map((tier) => tiersOf(routed).findIndex((t) => t >= tier)),
    expected,
  );
});

test('leases spare the scorer: a flood in one second needs far fewer verdicts than it has requests', async () => {
  const [{ counts }, routed] = await routes(fakeModel({ middle: 5000 }), every(0.0005, 1000));
  assert.equal(counts.firstSeen, 1);
  assert.ok(counts.verdicts < 20, String(counts.verdicts));
  assert.equal(routed.filter(({ origin }) => origin === 'fresh').length, 1);
});

test('an answer does not count for its own request, only for those after it has ended', async () => {
  const slow = every(1, 12, { status: 404, seconds: 5.5 });
  const [, late] = await routes(errorModel(3), slow);
  const [, soon] = await routes(errorModel(3), every(1, 12, { status: 404 }));
  assert.equal(tiersOf(soon).indexOf(1), 3); // three errors are known when the fourth request comes
  assert.equal(tiersOf(late).indexOf(1), 8); // the third answer ends 7.5 s after the start
});

test('a scanner is moved by its errors at once, though it has hits left', async () => {
  const [{ counts }, routed] = await routes(errorModel(5), every(0.01, 20, { status: 404 }));
  assert.equal(tiersOf(routed).indexOf(1), 5);
  assert.ok(counts.usedUp >= 1);
});

test('what nobody waits for is known when the client is seen again', async () => {
  const [{ counts }, routed] = await routes(fakeModel({ middle: 100 }), [{ at: 0 }, { at: 0.1 }, { at: 5 }]);
  assert.equal(counts.firstSeen, 1);
  assert.equal(counts.unreported, 2); // the second request with both answers; the third's with its answer
  assert.equal(counts.verdicts, 3);
  const scores = fakeModel({ middle: 100 }).score(Float64Array.of(1, 2), 2) as Float64Array;
  assert.deepEqual(
    routed.map((one) => one.score.toFixed(5)),
    [0, 0, 1].map((i) => (scores[i] as number).toFixed(5)),
  );
});

test('an answer that adds nothing is not reported', async () => {
  for (const [status, unreported] of [
    [200, 0],
    [304, 1],
  ] as const) {
    const [{ counts }] = await routes(fakeModel({ middle: 100 }), [{ at: 0, status, seconds: 5 }]);
    assert.deepEqual([counts.firstSeen, counts.unreported], [1, unreported], `an answer of ${status}`);
  }
});

test('a sign that the model hardly minds does not end the lease, one that could cross a line does', async () => {
  /** 0.5 at `middle` requests with an odd method, and with `middle` of anything at all. */
  const minding = (middle: number): Judging => ({
    ...fakeModel(),
    features: ['requests_60s', 'other_methods'],
    score: (rows, n) =>
      Float64Array.from({ length: n }, (_, i) => {
        const x = (rows[2 * i] as number) / 5000 + (rows[2 * i + 1] as number);
        return x / (x + middle);
      }),
  });
  const post = (at: number): Asked => ({ at, method: 'POST' });
  const asked = [...every(0.01, 3), post(0.04), post(0.05)];
  const used = async (model: Judging): Promise<number> => (await routes(model, asked))[0].counts.usedUp;
  assert.equal(await used(fakeModel({ middle: 5000 })), 0, 'a model that does not see it');
  assert.equal(await used(minding(100)), 0);
  assert.equal(await used(minding(1.5)), 1, 'once, and then it is in the window');
});

test('a client goes back only after its hold, and is held until then', async () => {
  const flood = every(0.1, 300);
  const back = [40, 100, 150, 200, 300].map((at) => ({ at: 30 + at }));
  const [, routed] = await routes(fakeModel({ middle: 100, thresholds: [0.35, 0.99] }), [...flood, ...back]);
  assert.equal(routed[299]?.tier, 1);
  const after = routed.slice(300);
  assert.deepEqual(tiersOf(after.slice(0, 3)), [1, 1, 1]);
  assert.equal(after[2]?.origin, 'held');
  assert.equal(after.at(-1)?.tier, 0);
});

test('a lease ended by time is served once more', async () => {
  const [{ counts }, routed] = await routes(fakeModel({ middle: 5000 }), [
    { at: 0 },
    { at: 61 },
    { at: 61.5 },
  ]);
  assert.deepEqual(
    routed.map(({ origin }) => origin),
    ['fresh', 'stale', 'leased'],
  );
  assert.equal(counts.ended, 1);
});

test('what a lease is found to be step by step is what judge() grants', async () => {
  // The same traffic with a model that says it is not monotone asks at every step: the tiers must be the same.
  const traffic = [
    ...every(0.2, 200, { status: 404 }),
    ...every(0.3, 300).map((one) => ({ ...one, at: 60 + one.at })),
  ];
  const model = errorModel(60);
  const [leased, one] = await routes(model, traffic);
  const [each, other] = await routes({ ...model, monotone: false }, traffic);
  assert.deepEqual(tiersOf(one), tiersOf(other));
  assert.ok(leased.counts.verdicts < each.counts.verdicts / 2);
});

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
  const rows = new Rows(file, ['fast', 'slow']);
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
