import assert from 'node:assert/strict';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { root } from '../../config/paths.ts';
import { parseConfig, readConfig } from '../../config/read.ts';
import { holdsOf, waitOf } from '../../config/tiers.ts';
import { problems } from './problems.ts';

test('an empty file is the default configuration', () => {
  const config = parseConfig('', 'x.yaml');
  assert.equal(config.listen.port, 8080);
  assert.deepEqual(
    config.tiers.map((tier) => tier.name),
    ['fast', 'standard', 'slow'],
  );
  assert.equal(config.default_tier, 'standard');
  assert.deepEqual(config.trusted_proxies, []);
  assert.deepEqual(config.headers, { tier: false, score: false });
  assert.equal(config.model, join(root, 'model'));
});

test('the configuration that ships is good', () => {
  const config = readConfig(join(root, 'scoregate.yaml'));
  assert.equal(config.demo_backends, true);
  assert.deepEqual(config.headers, { tier: true, score: true });
});

test('one tier is enough: a plain load balancer, where nobody waits for a verdict', () => {
  const config = parseConfig(
    'tiers:\n- { name: nodes, backends: ["127.0.0.1:1"] }\ndefault_tier: nodes',
    'x.yaml',
  );
  assert.deepEqual([holdsOf(config), waitOf(config)], [[], 0]);
  const two = parseConfig(
    'tiers:\n- { name: a, backends: ["127.0.0.1:1"] }\n- { name: standard, backends: ["127.0.0.1:2"] }\nhysteresis: { hold_s: [9] }',
    'x.yaml',
  );
  assert.deepEqual([holdsOf(two), waitOf(two)], [[9], 25]);
});

test('the times for which tiers are held are as many as there are lines, unless they are written out', () => {
  const tiers = (n: number): string =>
    Array.from({ length: n }, (_, i) => `- { name: t${i}, backends: ["10.0.0.1:${80 + i}"] }\n`).join('');
  const holds = (n: number): number[] =>
    holdsOf(parseConfig(`tiers:\n${tiers(n)}default_tier: t0`, 'x.yaml'));
  assert.deepEqual([1, 2, 3, 4].map(holds), [[], [120], [120, 60], [120, 60, 60]]);
});

test('options are laid over the file, and lists in them replace lists', () => {
  const config = parseConfig('listen: { port: 80, address: "::" }', 'x.yaml', {
    listen: { port: 81 },
    trusted_proxies: ['::1'],
  });
  assert.deepEqual(config.listen, { port: 81, address: '::', proxy_protocol: false });
  assert.deepEqual(config.trusted_proxies, ['::1']);
});

test('a wrong option is not blamed on the file', () => {
  assert.deepEqual(problems('mode: route', { listen: { port: 8090 } }), [
    'x.yaml:1: admin: port 8090 is already used by listen.port; give each its own port',
  ]);
  assert.match(problems('', { listen: { port: 0 } })[0] ?? '', /^option: listen\.port: 0 is out of range/);
});

test('all problems of a file are told at once, in the order of its lines', () => {
  const found = problems('mode: x\nlisten:\n  port: y\nadmin: z\n');
  assert.deepEqual(
    found.map((problem) => problem.split(': ', 2).join(': ')),
    ['x.yaml:1: mode', 'x.yaml:3: listen.port', 'x.yaml:4: admin'],
  );
});

test('a YAML bomb is an error and not the end of memory', () => {
  const text = `a: &a [${'x,'.repeat(9)}x]\nb: &b [${'*a,'.repeat(9)}*a]\nc: &c [${'*b,'.repeat(9)}*b]\nd: [${'*c,'.repeat(9)}*c]`;
  assert.match(problems(text)[0] ?? '', /not YAML/);
});

test('one backend may serve two tiers, and loopback addresses may share a port', () => {
  const text =
    'tiers:\n- { name: fast, backends: ["127.0.0.2:81", "127.0.0.3:81"] }\n- { name: standard, backends: ["127.0.0.2:81"] }';
  assert.deepEqual(problems(`${text}\nhysteresis: { hold_s: [9] }`), []);
});

test('addresses that nginx takes are taken', () => {
  const text =
    'trusted_proxies: [10.0.0.1, 10.0.0.0/8, "2001:db8::/32", "::1"]\nadmin: "[::1]:8090"\nlisten: { address: "::" }';
  assert.deepEqual(problems(text), []);
});

test('a file that is not there is named', () => {
  const folder = mkdtempSync(join(tmpdir(), 'scoregate-read-'));
  const file = join(folder, 'none.yaml');
  assert.throws(
    () => readConfig(file),
    /none\.yaml:1: \(file\): there is no such file; name one with --config FILE/,
  );
  writeFileSync(file, 'mode: observe');
  assert.equal(readConfig(file).mode, 'observe');
  rmSync(folder, { recursive: true });
});
