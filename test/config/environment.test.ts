import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import type { Environment } from '../../config/environment.ts';
import { ConfigError, parseConfig, readConfig } from '../../config/read.ts';
import type { Config, Overrides } from '../../config/schema.ts';

const read = (text: string, environment: Environment, overrides: Overrides = {}): Config =>
  parseConfig(text, 'x.yaml', overrides, environment);

function problems(text: string, environment: Environment, overrides: Overrides = {}): readonly string[] {
  try {
    read(text, environment, overrides);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  return [];
}

test('a variable of every kind is laid over the file', () => {
  const config = read('listen: { port: 80, address: "::" }\nlogs: { stdout: true }', {
    SCOREGATE_LISTEN_PORT: '81',
    SCOREGATE_WORKERS: '3',
    SCOREGATE_LOGS_STDOUT: 'false',
    SCOREGATE_SCORER_ADDRESS: 'scorer:5000',
    SCOREGATE_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
    SCOREGATE_REDIS: 'redis://redis:6379',
    SCOREGATE_REDIS_START: 'false',
  });
  assert.deepEqual(config.listen, { port: 81, address: '::', proxy_protocol: false });
  assert.equal(config.workers, 3);
  assert.equal(config.logs.stdout, false);
  assert.equal(config.scorer.address, 'scorer:5000');
  assert.deepEqual(config.trusted_proxies, ['10.0.0.0/8', '::1']);
  assert.deepEqual([config.redis, config.redis_start], ['redis://redis:6379', false]);
});

test('a text stays a text, though it looks like a number', () => {
  assert.match(read('', { SCOREGATE_MODEL: '7' }).model, /\/7$/);
});

test('a tier has a variable of its own, named after it, whether the file names the tiers or not', () => {
  const tiers = 'tiers:\n- { name: a, backends: ["h:1"] }\n- { name: not-so-fast, backends: ["h:2"] }\n';
  const named = read(`${tiers}default_tier: a\nhysteresis: { hold_s: [1] }`, {
    SCOREGATE_TIERS_NOT_SO_FAST: 'i:1,j:2',
  });
  assert.deepEqual(named.tiers, [
    { name: 'a', backends: ['h:1'] },
    { name: 'not-so-fast', backends: ['i:1', 'j:2'] },
  ]);
  const standing = read('', { SCOREGATE_TIERS_SLOW: 'h:1' });
  assert.deepEqual(
    standing.tiers.map((tier) => tier.backends),
    [['127.0.0.1:8081'], ['127.0.0.1:8082'], ['h:1']],
  );
  // The defaults themselves are as they were.
  assert.deepEqual(read('', {}).tiers[2]?.backends, ['127.0.0.1:8083']);
});

test('an empty variable is as good as none', () => {
  assert.equal(read('mode: observe', { SCOREGATE_MODE: '' }).mode, 'observe');
});

test('an option of the command line goes before a variable', () => {
  const config = read('', { SCOREGATE_LISTEN_PORT: '81' }, { listen: { port: 82 } });
  assert.equal(config.listen.port, 82);
  const found = problems('', { SCOREGATE_LISTEN_PORT: '81' }, { listen: { port: 0 } });
  assert.match(found[0] ?? '', /^option: listen\.port: 0 is out of range/);
});

test('what is wrong with the value of a variable is said of the variable', () => {
  const cases: [Environment, RegExp][] = [
    [
      { SCOREGATE_LISTEN_PORT: 'http' },
      /^SCOREGATE_LISTEN_PORT: listen\.port: "http" is not a port number; right would be 8080$/,
    ],
    [{ SCOREGATE_LISTEN_PORT: '70000' }, /^SCOREGATE_LISTEN_PORT: .*out of range/],
    [{ SCOREGATE_REDIS_START: 'no' }, /^SCOREGATE_REDIS_START: redis_start: "no" is not true or false/],
    [
      { SCOREGATE_TIERS_FAST: 'a:1,b' },
      /^SCOREGATE_TIERS_FAST: tiers\[0\]\.backends\[1\]: "b" is not HOST:PORT or an http\(s\):\/\/ URL: the port is missing/,
    ],
    [{ SCOREGATE_TIERS_FAST: 'a:1,a:1' }, /^SCOREGATE_TIERS_FAST: .*"a:1" is there twice/],
    [{ SCOREGATE_WORKERS: '99' }, /^SCOREGATE_WORKERS: workers: 99 is not auto or a whole number/],
    // A rule between two values names the one that must change.
    [{ SCOREGATE_REDIS: 'redis://redis:1' }, /^x\.yaml:2: redis_start: .*set redis_start: false$/],
  ];
  for (const [environment, expected] of cases) {
    const found = problems('mode: route\nredis_start: true', environment);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', expected);
  }
});

test('an unknown variable is refused, and those known are named', () => {
  const [misspelt = ''] = problems('', { SCOREGATE_REDSI: 'redis://r:1', HOME: '/' });
  assert.match(misspelt, /^SCOREGATE_REDSI: unknown variable; did you mean SCOREGATE_REDIS\? known are /);
  const [foreign = ''] = problems('', { SCOREGATE_COLOUR_OF_THE_SKY: 'blue' });
  assert.match(foreign, /^SCOREGATE_COLOUR_OF_THE_SKY: unknown variable; known are SCOREGATE_ADMIN, /);
  assert.match(foreign, /SCOREGATE_TIERS_FAST, SCOREGATE_TIERS_SLOW, SCOREGATE_TIERS_STANDARD/);
  assert.equal(problems('', { SCOREGATE_TIERS_QUICK: 'a:1' }).length, 1);
  const others = { SCOREGATE_CONFIG: 'x', SCOREGATE_RUN: 'run', SCOREGATE_TF: 'wasm' };
  assert.deepEqual(problems('', others), []);
});

test('what is wrong with the file stays the problem of the file', () => {
  const text = 'listen: 8080\ntiers: [fast]';
  const found = problems(text, { SCOREGATE_LISTEN_PORT: '81' });
  assert.match(found[0] ?? '', /^x\.yaml:1: listen: 8080 is not a group of keys/);
  assert.match(problems('- a', { SCOREGATE_MODE: 'route' })[0] ?? '', /^x\.yaml:1: \(file\)/);
});

test('the environment of the process is what a file is read with', () => {
  const folder = mkdtempSync(join(tmpdir(), 'scoregate-environment-'));
  const file = join(folder, 'x.yaml');
  writeFileSync(file, 'mode: route');
  process.env['SCOREGATE_MODE'] = 'observe';
  try {
    assert.equal(readConfig(file).mode, 'observe');
    assert.equal(readConfig(file, {}, {}).mode, 'route');
  } finally {
    delete process.env['SCOREGATE_MODE'];
    rmSync(folder, { recursive: true });
  }
});
