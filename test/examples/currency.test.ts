import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { parse } from 'yaml';
import { root } from '../../config/paths.ts';
import { which } from '../../launch/find.mjs';
import { Example } from './example.ts';

const example = new Example('currency', 17080);
before(() => example.start());
after(() => example.end());

test('reais are converted, by each instance in turn', async () => {
  const [one, two] = [
    await example.get('/convert/1.234,56'),
    await example.get('/convertepradolareuro/1234.56'),
  ];
  for (const { json } of [one, two]) {
    assert.deepEqual([json['reais'], json['dollars'], json['euros']], [1234.56, 199.37, 191.81]);
  }
  assert.deepEqual([one.json['served_by'], two.json['served_by']].sort(), ['currency-1', 'currency-2']);
  const counts = await example.share(100, 10, (k) => `/convert/${k + 1}`);
  assert.ok(Math.abs((counts['currency-1'] ?? 0) - 50) <= 1, JSON.stringify(counts));
  assert.equal((counts['currency-1'] ?? 0) + (counts['currency-2'] ?? 0), 100);
});

test('what balancer and instances log is one stream', async () => {
  const answer = await example.get('/convert/7777');
  const uri = '"uri":"/convert/7777"';
  await example.launcher.says(uri, 2);
  const found = example.launcher.output.split('\n').filter((line) => line.includes(uri));
  const lines = found.map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>);
  const balancer = lines.find((line) => 'tier' in line);
  const instance = lines.find((line) => 'served_by' in line);
  assert.deepEqual([balancer?.['tier'], balancer?.['status']], ['currency', 200]);
  assert.equal(instance?.['served_by'], answer.json['served_by']);
});

const file = join(root, 'examples/currency/docker-compose.yml');
interface Compose {
  services: Record<string, { command?: string[]; environment?: Record<string, string> }>;
}

test('docker-compose takes its file', { skip: which('docker-compose') === null }, () => {
  const { status, stderr } = spawnSync('docker-compose', ['-f', file, 'config', '-q'], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('in containers the balancer is rendered for both instances by name, and all log to standard output', () => {
  const { services } = parse(readFileSync(file, 'utf8'), { merge: true }) as Compose;
  const folder = mkdtempSync(join(tmpdir(), 'scoregate-currency-'));
  mkdirSync(join(folder, 'run'));
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', 'launch/render.ts', '--spool', join(folder, 'spool'), '--run', join(folder, 'run')],
    {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...process.env,
        ...services['render']?.environment,
        SCOREGATE_CONFIG: join(root, 'examples/currency/scoregate.yaml'),
      },
    },
  );
  assert.equal(status, 0, stderr);
  const rendered = readFileSync(join(folder, 'run/scoregate.yaml'), 'utf8');
  const conf = readFileSync(join(folder, 'run/nginx.conf'), 'utf8');
  rmSync(folder, { recursive: true });
  const { tiers } = parse(rendered) as { tiers: { backends: string[] }[] };
  assert.deepEqual(tiers[0]?.backends, ['one:8081', 'two:8081']);
  assert.match(conf, /access_log \/dev\/stdout /);
  for (const name of ['one', 'two']) assert.ok(services[name]?.command?.includes('--log'), name);
});
