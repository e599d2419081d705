import assert from 'node:assert/strict';
import test from 'node:test';
import { upstream } from '../../config/nginx_pool.ts';
import { backendsOf, isLive, standIns } from '../../config/pool.ts';
import { parseConfig } from '../../config/read.ts';
import type { Config, Tier } from '../../config/schema.ts';
import { usualEjection, usualRetries } from '../../config/schema_pool.ts';
import { testBad } from './problems.ts';

const tiers = (pool: string): string =>
  `tiers:\n- name: standard\n  pool:\n    ${pool}\n- { name: slow, backends: ["10.9.9.9:80"] }\nhysteresis: { hold_s: [1] }\n`;
const one = 'backends: [{ address: "10.0.0.1:80" }]';
const read = (pool: string): Config => parseConfig(tiers(pool), 'x.yaml');
const live = (pool: string): boolean[] => {
  const config = read(pool);
  return config.tiers.map((tier) => isLive(tier, config));
};

test('both forms of a pool give backends with all that is to know of them', () => {
  const { tiers: found } = read('backends: [{ address: "10.0.0.1:80", weight: 3 }]');
  const plain = { weight: 1, max_connections: 0, backup: false, state: 'up' };
  assert.deepEqual(found.map(backendsOf), [
    [{ ...plain, address: '10.0.0.1:80', weight: 3 }],
    [{ ...plain, address: '10.9.9.9:80' }],
  ]);
});

test("nginx's own balancer stays where it can do what a pool asks for", () => {
  const rich =
    'backends: [{ address: "10.0.0.1:80", weight: 3, max_connections: 9 }, { address: "10.0.0.2:80", backup: true }]';
  assert.deepEqual(live(rich), [false, false]);
  assert.deepEqual(live(`${one}\n    fallback: slow`), [false, false]);
  assert.deepEqual(live(`${one}\n    balance: least_connections`), [false, false]);
  for (const more of [
    'balance: ewma',
    'balance: hash',
    'live: true',
    'health: {}',
    'ejection: {}',
    'retries: {}',
    'slow_start_s: 5',
  ]) {
    assert.deepEqual(live(`${one}\n    ${more}`), [true, false], more);
  }
});

test('names are for Lua, in either form: nginx would ask for them once', () => {
  assert.deepEqual(live('backends: [{ address: "app:80" }]'), [true, false]);
  const [, slow] = read(one).tiers;
  assert.ok(slow);
  assert.equal(isLive({ ...slow, backends: ['https://app'] }, { tiers: [] }), true);
  assert.equal(isLive({ ...slow, backends: ['localhost:80'] }, { tiers: [] }), false);
  assert.doesNotMatch(upstream(read('backends: [{ address: "app:80" }]'), 1, 1024), /app/);
});

test('where a tier retries on statuses Lua picks for all: nginx has one list of statuses', () => {
  assert.deepEqual(live(`${one}\n    retries: { statuses: [503] }`), [true, true]);
});

test('weights, limits, states and backups are written for nginx as it knows them', () => {
  const config = read(
    'backends: [{ address: "10.0.0.1:80", weight: 3, max_connections: 9 }, { address: "10.0.0.2:80", backup: true, weight: 4 }, { address: "10.0.0.3:80", state: drain }]',
  );
  const servers = [...upstream(config, 0, 1024).matchAll(/server (.*) max_fails=2 fail_timeout=5s(.*);/g)];
  assert.deepEqual(
    servers.map(([, first, rest]) => `${first}${rest}`),
    [
      '10.0.0.1:80 weight=3 max_conns=9',
      '10.0.0.3:80 down',
      '10.0.0.2:80 backup weight=1000',
      '10.9.9.9:80 backup weight=1',
    ],
  );
});

test("least connections is nginx's own, over the zone that its workers share; beside it stays what it is", () => {
  const servers =
    'backends: [{ address: "10.0.0.1:80", weight: 3, max_connections: 9 }, { address: "10.0.0.2:80" }]';
  const text = upstream(read(`${servers}\n    balance: least_connections`), 0, 1024);
  assert.match(
    text,
    /^ {2}zone tier_standard 256k;\n {2}least_conn;\n {2}server 10\.0\.0\.1:80 weight=3 max_conns=9 /m,
  );
  assert.equal(text.replace('  least_conn;\n', ''), upstream(read(servers), 0, 1024));
  const lua = upstream(read(`${servers}\n    balance: least_connections\n    live: true`), 0, 1024);
  assert.match(lua, /balancer_by_lua_block/);
  assert.doesNotMatch(lua, /least_conn;/);
});

test('the tier that is named as fallback comes first, then the next worse ones, then the better ones', () => {
  const list: Tier[] = ['a', 'b', 'c', 'd'].map((name) => ({ name, backends: ['10.0.0.1:80'] }));
  const names = (index: number): string[] => standIns(list, index).map(({ name }) => name);
  assert.deepEqual(names(1), ['c', 'd', 'a']);
  const { pool } = read(`${one}\n    fallback: slow`).tiers[0] ?? {};
  assert.ok(pool);
  const second = { name: 'b', pool: { ...pool, fallback: 'a' } };
  assert.deepEqual(
    standIns(list.with(1, second), 1).map(({ name }) => name),
    ['a', 'c', 'd'],
  );
});

test('what holds without a group of keys is what its empty group would say', () => {
  const pool = read(`${one}\n    ejection: {}\n    retries: {}`).tiers[0]?.pool;
  assert.deepEqual(pool?.ejection, usualEjection);
  assert.deepEqual(pool?.retries, usualRetries);
});

const at = (path: string): RegExp => new RegExp(`^x\\.yaml:4: tiers\\[0\\]\\.pool\\.${path}: `);
const matching = (path: string, text: string): RegExp => new RegExp(at(path).source + text);
const bad = (backend: string): string => tiers(`backends: [{ ${backend} }]`);
testBad([
  [
    'a fallback where there is no other tier',
    'tiers:\n  - name: a\n    pool: { backends: [{ address: "127.0.0.1:81" }], fallback: b }\ndefault_tier: a',
    /^x\.yaml:3: tiers\[0\]\.pool\.fallback: there is no other tier that could stand in; take it out$/,
  ],
  [
    'a pool without backends',
    tiers('balance: hash'),
    /^x\.yaml:3: tiers\[0\]\.pool: the key "backends" is missing/,
  ],
  ['an empty pool', tiers('backends: []'), matching('backends', 'it has 0 of the at least 1 entries')],
  [
    'an unknown way of balancing',
    tiers(`${one}\n    balance: random`),
    /:5: .*balance: "random" is not round_robin, least_connections, ewma or hash/,
  ],
  [
    'a backend without an address',
    bad('weight: 2'),
    /backends\[0\]: the key "address" is missing .*right would be "127\.0\.0\.1:8081"/,
  ],
  [
    'a key that a backend has not',
    bad('address: "10.0.0.1:80", wieght: 2'),
    /unknown key "wieght"; did you mean "weight"\?/,
  ],
  [
    'a weight of nothing',
    bad('address: "10.0.0.1:80", weight: 0'),
    /weight: 0 is out of range; it must be from 1 to 1000/,
  ],
  [
    'a weight that is no whole number',
    bad('address: "10.0.0.1:80", weight: 1.5'),
    /weight: 1\.5 is not a whole number/,
  ],
  [
    'a state that there is none of',
    bad('address: "10.0.0.1:80", state: down'),
    /state: "down" is not up, drain or maintenance/,
  ],
  [
    'a name server that has a name',
    'name_servers: [dns.example.org]',
    /^x\.yaml:1: name_servers\[0\]: .* is an address, with a port when that is not 53/,
  ],
  [
    'only backups',
    bad('address: "10.0.0.1:80", backup: true'),
    /every backend is a backup, of none; take backup: true from one/,
  ],
  [
    'one backend twice',
    tiers('backends: [{ address: "10.0.0.1:80" }, { address: "http://10.0.0.1" }]'),
    /pool\.backends\[1\]\.address: .* is there twice/,
  ],
  [
    'a pool beside backends',
    'tiers:\n- name: standard\n  backends: ["10.0.0.2:80"]\n  pool: { backends: [{ address: "10.0.0.1:80" }] }\n- { name: slow, backends: ["10.9.9.9:80"] }\nhysteresis: { hold_s: [1] }',
    /^x\.yaml:4: tiers\[0\]\.pool: this tier has backends too/,
  ],
  [
    'a tier without any',
    'tiers:\n- { name: standard }\n- { name: slow, backends: ["10.9.9.9:80"] }\nhysteresis: { hold_s: [1] }',
    /^x\.yaml:2: tiers\[0\]: the key "backends" is missing/,
  ],
  [
    'a fallback to nowhere',
    tiers(`${one}\n    fallback: slwo`),
    /fallback: "slwo" is not a tier; did you mean "slow"\?/,
  ],
  [
    'a fallback to itself',
    tiers(`${one}\n    fallback: standard`),
    /a tier cannot stand in for itself; use one of slow/,
  ],
  [
    'a check that lasts longer than its interval',
    tiers(`${one}\n    health: { interval_ms: 500 }`),
    /health\.timeout_ms: .*make it 500 or less/,
  ],
  [
    'a check of a path with a space',
    tiers(`${one}\n    health: { path: "/a b" }`),
    /health\.path: "\/a b" is not a path: it begins with \/ and has no spaces/,
  ],
  [
    'a status that is none',
    tiers(`${one}\n    health: { statuses: [99] }`),
    /statuses\[0\]: 99 is out of range; it must be from 200 to 599/,
  ],
  [
    'times the wrong way round',
    tiers(`${one}\n    ejection: { time_s: 600 }`),
    /longest_s: .*make it 600 or more/,
  ],
  [
    'a share of more than all',
    tiers(`${one}\n    ejection: { share: 2 }`),
    /share: 2 is out of range; it must be from 0 to 1/,
  ],
  ['a budget below nothing', tiers(`${one}\n    retries: { budget: -0.1 }`), /budget: -0\.1 is out of range/],
  [
    'a retry on success',
    tiers(`${one}\n    retries: { statuses: [200] }`),
    /statuses\[0\]: 200 is not one of 403, 404, 429/,
  ],
  [
    'a queue for nothing',
    tiers(`${one}\n    queue: {}`),
    /queue: nobody would ever wait: .*add it to them, or take queue out/,
  ],
  [
    'a time for tries when there is one only',
    tiers(`${one}\n    retries: { tries: 1, timeout_ms: 500 }`),
    /:5: tiers\[0\]\.pool\.retries\.timeout_ms: tries: 1 leaves no other backend .*make tries 2 or more/,
  ],
  [
    'two lists of statuses',
    'tiers:\n- name: standard\n  pool:\n    backends: [{ address: "10.0.0.1:80" }]\n    retries: { statuses: [503] }\n- name: slow\n  pool:\n    backends: [{ address: "10.0.0.2:80" }]\n    retries: { statuses: [502] }\nhysteresis: { hold_s: [1] }',
    /^x\.yaml:9: tiers\[1\]\.pool\.retries\.statuses: tiers that retry must name the same statuses, .*\[503\]/,
  ],
]);
