import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../../config/paths.ts';
import { until } from '../harness/gateway.ts';
import { Example, get } from './example.ts';

const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
const person = { 'User-Agent': BROWSER, Referer: 'http://127.0.0.1/' };

/** The tiers of `n` requests of a client, one after the other; each is served by the backend of its tier. */
async function tiers(
  client: string,
  n: number,
  path: (k: number) => string,
  headers: Record<string, string> = {},
): Promise<string[]> {
  const found: string[] = [];
  for (let k = 0; k < n; k++) {
    const answer = await example.get(path(k), { headers: { 'X-Forwarded-For': client, ...headers } });
    assert.equal(answer.headers['x-tier'], answer.headers['x-served-by']);
    found.push(String(answer.headers['x-tier']));
  }
  return found;
}

const scan = (k: number): string => `/wp-content/plugins/p${k}/readme.php`;

const example = new Example('scored', 17020);
const model = join(example.launcher.folder, 'own/model');
before(async () => {
  cpSync(join(root, 'model'), model, { recursive: true });
  // Verdicts in time, on a busy machine too: without one a request goes to the default tier.
  const scorer = { listen: `127.0.0.1:${example.at(5000)}`, wait_ms: 1000, timeout_ms: 3000 };
  example.configure({ model, scorer });
  await example.start();
});
after(() => example.end());

test('somebody who reads pages is served by the fast backend', async () => {
  const all: string[] = [];
  for (let page = 0; page < 4; page++) {
    const read = page === 0 ? ['/', '/assets/demo.css', '/assets/demo.js'] : ['/'];
    all.push(...(await tiers('203.0.113.1', read.length, (k) => read[k] ?? '/', person)));
    await sleep(700);
  }
  assert.equal(all.at(-1), 'fast', all.join(' '));
  assert.ok(!all.includes('slow'));
});

test('a flood ends at the slow one', async () => {
  const all = await tiers('203.0.113.9', 400, () => '/');
  assert.equal(all.at(-1), 'slow');
  assert.ok(all.filter((tier) => tier === 'slow').length > 300, all.join(' '));
});

test('so does a scanner, after a few requests: what it asks for counts, not how often', async () => {
  const all = await tiers('203.0.113.10', 12, scan);
  assert.equal(all.at(-1), 'slow', all.join(' '));
  assert.deepEqual(await tiers('203.0.113.1', 1, () => '/', person), ['fast']);
});

test('a model of one feature, as Keras saved it, takes the place of the other while all runs', async () => {
  const args = [
    'launch/run.mjs',
    'train/keras/import.ts',
    'test/model/keras/scoring_model.h5',
    '--out',
    model,
  ];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  const serves = async (): Promise<boolean> => {
    const answer = await get(example.at(5000), '/model');
    return JSON.stringify(answer.json['features']) === '["requests_60s"]';
  };
  await until(serves, 5000, 'the scorer has not taken the model');
});

test('then the requests of a minute decide: a flood goes from fast over standard to slow', async () => {
  const all = await tiers('203.0.113.19', 400, () => '/');
  const order = all.filter((tier, i) => i === 0 || tier !== all[i - 1]);
  assert.deepEqual(order, ['fast', 'standard', 'slow']);
});

test('and a scanner that asks little stays in fast: such a model sees nothing but the count', async () => {
  const all = await tiers('203.0.113.20', 12, scan);
  assert.deepEqual(new Set(all), new Set(['fast']), all.join(' '));
});
