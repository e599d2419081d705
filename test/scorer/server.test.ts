/** The scorer's process: starts, takes a new model, says how it is, stops. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { expectedBackend } from '../model/backend.ts';
import { startRedis, until, type RedisServer } from './redis_server.ts';
import { writeModel } from './models.ts';

const PORT = 15120;
const dir = mkdtempSync(join(tmpdir(), 'scoregate-scorer-'));
const model = join(dir, 'model');
const base = `http://127.0.0.1:${PORT}`;
let redis: RedisServer;
let scorer: Running;

interface Running {
  process: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
}

function configure(name: string, redisUrl: string): string {
  const file = join(dir, name);
  const text = [`scorer: { listen: "127.0.0.1:${PORT}" }`, `redis: ${redisUrl}`, `model: ${model}`];
  writeFileSync(file, `${text.join('\n')}\n`);
  return file;
}

function start(config: string): Running {
  const args = ['--import', 'tsx', 'scorer/server.ts', '--config', config, '--run', join(dir, 'run')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (text += data.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { process: child, output: () => text, ended };
}

interface Health {
  status: string;
  reasons: string[];
  tensorflow: string;
  model: string;
  generation: number;
}
const health = async (): Promise<Health> => (await fetch(`${base}/health`)).json() as Promise<Health>;
const healthy = (): Promise<boolean> =>
  health().then(
    ({ status }) => status === 'ok',
    () => false,
  );

let seq = 0;
async function report(hits: number): Promise<{ verdicts: { requests_60s: number }[]; generation: number }> {
  const clients = [{ ip: '192.0.2.1', ...(hits === 0 ? {} : { hits: [[0, hits]] }) }];
  const body = JSON.stringify({ sender: 'gw/1/1', seq: ++seq, held: 0, clients });
  const answer = await fetch(`${base}/score_ip`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(answer.status, 200);
  return answer.json() as ReturnType<typeof report>;
}

before(async () => {
  mkdirSync(join(dir, 'run'));
  writeFileSync(join(dir, 'run', 'secret'), 'a'.repeat(64));
  writeModel(model);
  redis = await startRedis(PORT + 1);
  scorer = start(configure('redis.yaml', redis.url));
  await until(healthy, 30_000);
});
after(async () => {
  scorer.process.kill('SIGKILL');
  await redis.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('it stops within a second, and goes on where it was, with a higher generation', async () => {
  await report(5);
  const before = (await health()).generation;
  const asked = performance.now();
  scorer.process.kill('SIGTERM');
  assert.equal(await scorer.ended, 0);
  assert.ok(performance.now() - asked < 1000);
  scorer = start(join(dir, 'redis.yaml'));
  await until(healthy, 30_000);
  const { verdicts, generation } = await report(1);
  assert.equal(verdicts[0]?.requests_60s, 6);
  assert.ok(generation > before);
});

test('it says which TensorFlow.js computes', async () => {
  assert.equal((await health()).tensorflow, expectedBackend);
  assert.match(scorer.output(), new RegExp(`"backend":"${expectedBackend}"`));
});

test('a new model is taken over within seconds, and raises the generation', async () => {
  const before = await health();
  const next = join(dir, 'next');
  const version = writeModel(next, { slope: 4 });
  renameSync(model, join(dir, 'old'));
  renameSync(next, model);
  await until(async () => (await health()).model === version, 10_000);
  await until(async () => (await health()).generation > before.generation);
  assert.equal((await health()).status, 'ok');
});

test('a broken model is refused with the reason, the running one stays, and the next good one is taken', async () => {
  const before = await health();
  writeFileSync(join(model, 'weights.bin'), 'nonsense');
  await until(async () => (await health()).status === 'degraded', 10_000);
  const during = await health();
  assert.match(during.reasons.join(), /weights\.bin/);
  assert.equal(during.model, before.model);
  await report(1);
  assert.equal(scorer.output().match(/a model was refused/g)?.length, 1);
  const version = writeModel(model, { slope: 5 });
  await until(async () => (await health()).model === version, 10_000);
  assert.equal((await health()).status, 'ok');
});

test('with Redis gone it is degraded and counts on; when Redis is back it is well', async () => {
  const { verdicts } = await report(1);
  const had = verdicts[0]?.requests_60s as number;
  await redis.stop();
  assert.equal((await report(1)).verdicts[0]?.requests_60s, had + 1);
  assert.equal((await health()).status, 'degraded');
  redis = await startRedis(PORT + 1);
  await until(healthy, 10_000);
  assert.equal((await report(1)).verdicts[0]?.requests_60s, 2, 'what came since Redis went is in it');
});

test('a port in use, a missing model and a bad configuration are said, and nothing starts', async () => {
  const busy = start(join(dir, 'redis.yaml'));
  assert.equal(await busy.ended, 1);
  assert.match(busy.output(), /EADDRINUSE.*15120/);
  const bad = join(dir, 'bad.yaml');
  writeFileSync(bad, 'redis: memory\nmodle: x\n');
  const wrong = start(bad);
  assert.equal(await wrong.ended, 1);
  assert.match(wrong.output(), /bad\.yaml:2/);
  writeFileSync(bad, `redis: memory\nmodel: ${dir}/nothing\n`);
  const missing = start(bad);
  assert.equal(await missing.ended, 1);
  assert.match(missing.output(), /MODEL_MISSING.*nothing\/manifest\.json/);
});
