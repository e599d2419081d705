import assert from 'node:assert/strict';
import test from 'node:test';
import { parseConfig } from '../../config/read.ts';
import { modelFits } from '../../config/rules_model.ts';

const read = (text: string) => parseConfig(text, 'x.yaml', {}, {}, modelFits);
const tiers = (...names: string[]): string =>
  `tiers:\n${names.map((name, i) => `  - { name: ${name}, backends: ['127.0.0.1:${81 + i}'] }`).join('\n')}\ndefault_tier: ${names[0]}\n`;

test('refused with line, reason and remedy: a model that is not there', () => {
  assert.throws(
    () => read('workers: 1\nmodel: nowhere'),
    /^ConfigError: x\.yaml:2: model: there is no model in .*nowhere; name the folder of one, or let npm run train write one/,
  );
});

test('refused with line, reason and remedy: more or fewer tiers than the model has lines for', () => {
  assert.throws(
    () => read(`${tiers('good', 'bad')}hysteresis: { hold_s: [120] }`),
    /^ConfigError: x\.yaml:1: tiers: 2 tiers have 1 lines between them, but the model in .*model has 2; configure 3 tiers, or train/,
  );
});

test('one tier, or nobody scored, takes any model', () => {
  assert.doesNotThrow(() => read(tiers('all')));
  assert.doesNotThrow(() => read(`mode: off\nmodel: nowhere\n${tiers('good', 'bad')}`));
});
