import assert from 'node:assert/strict';
import test from 'node:test';
import { parseConfig } from '../../config/read.ts';
import { testBad } from './problems.ts';

testBad([
  [
    'a time to live that is no number',
    'cache:\n  enabled: true\n  ttl_s: 30s',
    /^x\.yaml:3: cache\.ttl_s: "30s" is not a whole number of seconds; right would be 30$/,
  ],
  [
    'a time to live below nothing',
    'cache: { ttl_s: -1 }',
    /cache\.ttl_s: -1 is out of range; it must be from 0 to 31536000$/,
  ],
  [
    'a size without a unit',
    'cache:\n  size: "1000"',
    /^x\.yaml:2: cache\.size: "1000" is not an amount, 16mb or more: a number and its unit/,
  ],
  [
    'a size too small to be of use',
    'cache: { size: 1mb }',
    /cache\.size: .*that is too little; right would be "1gb"$/,
  ],
  [
    'an unknown way with stale answers',
    'cache:\n  stale: always',
    /^x\.yaml:2: cache\.stale: "always" is not failing, updating or off; right would be "failing"$/,
  ],
  [
    'a time for the cache',
    'cache: 30',
    /^x\.yaml:1: cache: 30 is not a group of keys; right would be \{"enabled":true,"ttl_s":30\}$/,
  ],
  [
    "a key of the site's cache at a path",
    'paths:\n- path: /a\n  cache:\n    size: 1gb',
    /^x\.yaml:4: paths\[0\]\.cache\.size: unknown key "size"; known here: enabled, ttl_s, cookies$/,
  ],
]);

test('a path that says how long its answers live has a cache, with or without the site', () => {
  const { cache, paths } = parseConfig('paths: [{ path: /a, cache: { ttl_s: 5 } }]', 'x.yaml');
  assert.equal(cache.enabled, false);
  assert.deepEqual(paths[0]?.cache, { enabled: true, ttl_s: 5, cookies: false });
});
