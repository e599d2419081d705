import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeAnswer } from '../../launch/folder.ts';
import { until } from '../harness/gateway.ts';
import { READY, reload, withLauncher } from './launcher.ts';

/** Asks without a pause until told to stop, as eight clients; answers how many requests were answered and failed. */
function traffic(port: number): { stop: () => Promise<{ answered: number; failed: string[] }> } {
  const agent = new Agent({ keepAlive: true });
  const result = { answered: 0, failed: [] as string[] };
  let running = true;
  const ask = (mayRetry: boolean): Promise<void> =>
    new Promise((resolve) => {
      const options = { port, host: '127.0.0.1', agent: mayRetry ? agent : false, path: '/echo/t' } as const;
      const sent = request(options, (response) => {
        response.resume();
        response.on('end', () => {
          if (response.statusCode === 200) result.answered++;
          else result.failed.push(String(response.statusCode));
          resolve();
        });
        response.on('error', (error) => resolve(void result.failed.push(error.message)));
      });
      sent.on('error', (error) => {
        // RFC 9110 §9.2.2: a kept-alive connection that closes before any answer may be tried again, once, on a new one.
        if (mayRetry && sent.reusedSocket) return void ask(false).then(resolve);
        resolve(void result.failed.push(error.message));
      });
      sent.end();
    });
  const clients = Array.from({ length: 8 }, async () => {
    // Many failures end it too: a test that fails must not go on for ever.
    while (running && result.failed.length < 100) {
      await ask(true);
      await sleep(2);
    }
  });
  const stop = async () => {
    running = false;
    await Promise.all(clients);
    agent.destroy();
    return result;
  };
  return { stop };
}

test('a reload applies a good configuration and refuses a bad one, without losing a request', async () => {
  await withLauncher(15370, async (launcher) => {
    launcher.start();
    await launcher.says(READY);
    const load = traffic(15370);
    await sleep(300);
    const redis = launcher.process(/redis-server/);
    const scorer = launcher.process(/scorer\/server/);

    launcher.configure({ mode: 'observe' });
    const good = await reload(launcher);
    assert.equal(good.status, 0, good.output);
    assert.match(good.output, /new configuration in force: gateway reloaded/);
    assert.equal(launcher.process(/scorer\/server/), scorer, 'the scorer was left alone');
    assert.equal(JSON.parse(readFileSync(join(launcher.run, 'gateway.json'), 'utf8')).mode, 'observe');

    launcher.configure({ mode: 'watch' as 'route' });
    const bad = await reload(launcher);
    assert.equal(bad.status, 1);
    assert.match(
      bad.output,
      /refused, nothing has changed: .*scoregate\.yaml:\d+: mode: "watch" is not route, observe or off/,
    );
    assert.equal(JSON.parse(readFileSync(join(launcher.run, 'gateway.json'), 'utf8')).mode, 'observe');

    launcher.configure({ model: join(launcher.folder, 'no-model') });
    const noModel = await reload(launcher);
    assert.equal(noModel.status, 1, noModel.output);
    assert.match(
      noModel.output,
      /scoregate\.yaml:\d+: model: there is no model in .*; name the folder of one/,
    );
    assert.equal(launcher.process(/scorer\/server/), scorer, 'the scorer was left alone');

    mkdirSync(join(launcher.folder, 'no-model'));
    writeFileSync(join(launcher.folder, 'no-model', 'manifest.json'), '{}');
    const badModel = await reload(launcher);
    assert.equal(badModel.status, 1, badModel.output);
    assert.match(
      badModel.output,
      /refused, nothing has changed: the scorer does not start with it: .*no-model.manifest\.json/,
    );
    assert.equal(launcher.process(/scorer\/server/), scorer, 'the scorer was left alone');
    assert.equal((await fetch('http://127.0.0.1:15372/health')).status, 200);

    const tiers = ['fast', 'standard', 'slow'].map((name, i) => ({
      name,
      backends: [`127.0.0.1:${15374 + i}`],
    }));
    tiers[1]?.backends.push('127.0.0.1:15377');
    launcher.configure({ tiers, scorer: { listen: '127.0.0.1:15372', wait_ms: 20 } });
    const more = await reload(launcher);
    assert.equal(more.status, 0, more.output);
    assert.match(more.output, /scorer restarted, gateway reloaded, 1 demo backends started/);
    assert.equal(launcher.process(/redis-server/), redis, 'Redis was left alone');

    launcher.configure({ redis: 'memory' });
    assert.match(
      (await reload(launcher)).output,
      /redis, redis_start, limits\.redis_memory, and mode to or from off, change only with a new start/,
    );

    const { answered, failed } = await load.stop();
    assert.deepEqual(failed, []);
    assert.ok(answered > 500, String(answered));
  });
});

test('when npm run reload says that a configuration is in force, it is for every new connection', async () => {
  await withLauncher(15370, async (launcher) => {
    launcher.start();
    await launcher.says(READY);
    for (let turn = 0; turn < 4; turn++) {
      const tier = turn % 2 === 1;
      launcher.configure({ headers: { tier } });
      launcher.child?.kill('SIGHUP');
      await until(() => takeAnswer(launcher.run)?.ok === true, 15_000, 'the reload is not over');
      const seen = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const answer = await fetch('http://127.0.0.1:15370/', { headers: { Connection: 'close' } });
          await answer.arrayBuffer();
          return answer.headers.has('x-tier');
        }),
      );
      assert.deepEqual(new Set(seen), new Set([tier]), `turn ${turn}`);
    }
  });
});
