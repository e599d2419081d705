import assert from 'node:assert/strict';
import test from 'node:test';
import { limitSettings } from '../../config/limits.ts';
import { parseConfig } from '../../config/read.ts';
import { testBad } from './problems.ts';

const tiers = (limit: string): string =>
  `tiers:\n- name: standard\n  backends: ["10.0.0.1:80"]\n  limit: ${limit}\n- { name: slow, backends: ["10.9.9.9:80"] }\nhysteresis: { hold_s: [1] }\n`;
const settings = (limit: string): object => limitSettings(parseConfig(tiers(limit), 'x.yaml'));

test('a burst is what one second has, and one at least', () => {
  const of = (interval_ms: number, burst: number) => ({
    limits: { standard: { interval_ms, burst, connections: 0 } },
  });
  assert.deepEqual(settings('{ requests_per_s: 4 }'), of(250, 4));
  assert.deepEqual(settings('{ requests_per_s: 0.5 }'), of(2000, 1));
  assert.deepEqual(settings('{ requests_per_s: 10, burst: 30 }'), of(100, 30));
});

test('a limit of connections alone leaves requests per second alone, and no limit is no setting', () => {
  assert.deepEqual(settings('{ connections: 7 }'), {
    limits: { standard: { interval_ms: 0, burst: 1, connections: 7 } },
  });
  assert.deepEqual(limitSettings(parseConfig('', 'x.yaml')), {});
});

testBad([
  ['a limit of nothing', tiers('{}'), /^x\.yaml:4: tiers\[0\]\.limit: it limits nothing; add requests_per_s/],
  [
    'a burst beyond no limit',
    tiers('{ burst: 5, connections: 3 }'),
    /:4: tiers\[0\]\.limit\.burst: there is no limit for it to go beyond; add requests_per_s/,
  ],
  [
    'no requests at all',
    tiers('{ requests_per_s: 0 }'),
    /requests_per_s: 0 is out of range; it must be from 0\.01 to 100000/,
  ],
  ['a rate in words', tiers('{ requests_per_s: few }'), /requests_per_s: "few" is not a number/],
  ['connections below nothing', tiers('{ connections: -1 }'), /connections: -1 is out of range/],
  [
    'a key that a limit has not',
    tiers('{ request_per_s: 1 }'),
    /unknown key "request_per_s"; did you mean "requests_per_s"\?/,
  ],
]);
