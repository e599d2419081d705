import assert from 'node:assert/strict';
import test from 'node:test';
import { parseConfig } from '../../config/read.ts';
import { renderTexts } from '../../config/render.ts';
import type { Nginx } from '../../launch/find.mjs';
import { problems, testBad } from './problems.ts';

const nginx: Nginx = { path: 'nginx', version: [1, 27, 1], openresty: true, globals: '', luaFolders: [] };
const rendered = (yaml: string): string =>
  renderTexts(parseConfig(yaml, 'x.yaml'), '/run-folder', { nginx }).nginxConf;

/** The directives that run Lua for a request, but for those of the page for one that nobody answered. */
const phases = (yaml: string): string[] => {
  const text = rendered(yaml).replace(/location @failed \{[^]*?\n {4}\}/, '');
  const found = text.matchAll(/((?:set|access|\w+_filter|log|balancer)_by_lua_block)(?: \$\w+)? \{ (.*) \}/g);
  return [...found].map(([, directive, call]) => `${directive}: ${call?.replaceAll('package.loaded', '')}`);
};

const pool = (more: string): string =>
  `mode: off\ndefault_tier: site\ntiers:\n- name: site\n  pool: { backends: [{ address: "10.0.0.1:80", max_connections: 9 }]${more} }\n`;

test('mode off has Lua in a request only where something configured needs it', () => {
  assert.deepEqual(phases('mode: off'), []);
  assert.deepEqual(phases(pool(', balance: least_connections')), []);
  const balanced = ['balancer_by_lua_block: ["scoregate.pool.attempt"].balance(0)'];
  const ended = 'log_by_lua_block: ["scoregate.plain"].log()';
  assert.deepEqual(phases(pool(', live: true')), [...balanced, ended]);
  const queued = 'access_by_lua_block: ["scoregate.plain"].access()';
  assert.deepEqual(phases(pool(', queue: {}')), [...balanced, queued, ended]);
  assert.deepEqual(phases('mode: off\nlogs: { headers: true }'), [
    'log_by_lua_block: ["scoregate.details"].write()',
  ]);
  const cached = phases('mode: off\ncache: { enabled: true }');
  assert.deepEqual(
    cached.map((text) => text.replace(/_by_lua_block.*"scoregate\.(\w+)".*/, ' $1')),
    ['set cache', 'header_filter cache'],
  );
  // With an access phase it is asked there: that is one call of Lua less.
  for (const more of ['mode: off\nlogs: { body_bytes: 9 }\n', 'mode: route\n'])
    assert.doesNotMatch(rendered(`${more}cache: { enabled: true }`), /set_by_lua/);
  assert.equal(phases('').length, 2, 'mode route has its two');
});

test('mode off has no verdict, and asks for what only a scorer needs nowhere', () => {
  const text = rendered(
    'mode: off\nheaders: { tier: true, score: true }\nscorer: { address: "scorer.internal:5000" }',
  );
  assert.match(text, /"tier":"standard","score":null,"origin":"off","wait_ms":0,"tier_would":""/);
  assert.match(text, /map "" \$tier \{\n *default standard;\n *\}\n *map "" \$origin \{\n *default off;\n/);
  assert.doesNotMatch(text, /^ *set /m);
  // Somebody who is denied is served by no tier.
  for (const access of ['access: { deny: [10.0.0.0/8] }', 'paths: [{ path: /a, access: { default: deny } }]'])
    assert.match(rendered(`mode: off\n${access}`), /"tier":"\$tier","score":null,"origin":"\$origin"/);
  assert.match(text, /add_header X-Tier/);
  assert.doesNotMatch(text, /X-Score \$|\$score\b|\$wait_ms|resolver|scoregate\.gateway/);
});

test('mode off takes no notice of what scoring would need: lines between tiers, ports, waits, a Redis', () => {
  const tiers =
    'tiers: [{ name: site, backends: ["127.0.0.1:5000"] }, { name: b, backends: ["127.0.0.1:6380"] }]\n';
  const rest =
    'default_tier: site\nhysteresis: { hold_s: [1, 2] }\nredis: redis://10.0.0.1\nscorer: { wait_ms: 900 }\n';
  assert.deepEqual(problems(`mode: off\n${tiers}${rest}`), []);
  assert.equal(problems(`mode: observe\n${tiers}${rest}`).length, 4);
});

test('a tier is looked up for every request only where several serve', () => {
  const passed = (yaml: string): string[] => [
    ...new Set(rendered(yaml).match(/proxy_pass .*;|^map \$tier.*/gm)),
  ];
  const two =
    'tiers: [{ name: a, backends: ["https://a.example"] }, { name: b, backends: ["10.0.0.1:80"] }]\ndefault_tier: b\nhysteresis: { hold_s: [1] }\n';
  assert.deepEqual(passed(''), ['proxy_pass http://$tier;']);
  assert.deepEqual(passed(two), ['proxy_pass $backend_scheme://$tier;']);
  for (const mode of ['off', 'observe'])
    assert.deepEqual(passed(`${two}mode: ${mode}`), ['proxy_pass http://b;'], mode);
  assert.deepEqual(
    passed(
      'tiers: [{ name: site, backends: ["https://10.0.0.1"], tls_name: a.example }]\ndefault_tier: site',
    ),
    ['proxy_pass https://site;'],
  );
  assert.match(rendered(''), /proxy_pass .*\n.*\n *proxy_redirect off;/);
});

testBad([
  [
    'a limit in mode off',
    `${pool('')}  limit: { requests_per_s: 5 }\n`,
    /^x\.yaml:6: tiers\[0\]\.limit: mode: off counts no clients, .*; take it out, or use mode: observe/,
  ],
  [
    'a pin in mode off',
    'mode: off\naccess:\n  pin:\n    slow: [10.0.0.0/8]\n',
    /^x\.yaml:4: access\.pin\.slow: mode: off sends everybody to default_tier; take it out, or use mode: route/,
  ],
  ['another mode', 'mode: of', /^x\.yaml:1: mode: "of" is not route, observe or off/],
]);
