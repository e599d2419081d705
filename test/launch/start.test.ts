import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../../config/paths.ts';
import { which } from '../../launch/find.mjs';
import { until } from '../harness/gateway.ts';
import { alive, Launcher, reload } from './launcher.ts';

const READY = 'Scoregate is ready';

async function withLauncher(port: number, action: (launcher: Launcher) => Promise<void>): Promise<void> {
  const launcher = new Launcher(port);
  try {
    await action(launcher);
  } finally {
    await launcher.end();
  }
}

/** The user id that a process runs as. */
const owner = (pid: number): number => statSync(`/proc/${pid}`).uid;

test('npm start is ready within 10 s, says what runs where, serves, and is gone within 5 s of Ctrl-C', async () => {
  await withLauncher(15340, async (launcher) => {
    const started = Date.now();
    launcher.start();
    await launcher.says(READY);
    assert.ok(Date.now() - started < 10_000, `${Date.now() - started} ms`);
    for (const text of [
      '127.0.0.1:15340',
      '127.0.0.1:15341/metrics',
      '127.0.0.1:15342',
      '127.0.0.1:15346',
      'curl',
    ]) {
      assert.ok(launcher.output.includes(text), text);
    }
    const answer = await fetch('http://127.0.0.1:15340/echo/page');
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('x-tier') ?? '', /^(fast|standard)$/);
    await answer.text();
    const look = await fetch('http://127.0.0.1:15342/score_ip?ip=127.0.0.1');
    assert.equal(look.status, 200);
    await look.text();
    await launcher.says('"uri":"/echo/page"');
    assert.match(readFileSync(join(launcher.run, 'access.log'), 'utf8'), /"uri":"\/echo\/page"/);
    if (process.getuid?.() === 0) {
      const roots = launcher.processes().filter(([pid]) => owner(pid) === 0);
      assert.match(roots.map(([, command]) => command).join('\n'), /^nginx: master process [^\n]*$/);
    }
    const before = launcher.processes();
    assert.ok(before.length >= 8, JSON.stringify(before));
    const asked = Date.now();
    launcher.child?.kill('SIGINT');
    assert.equal(await launcher.exit(), 0);
    assert.ok(Date.now() - asked < 5000, `${Date.now() - asked} ms`);
    assert.deepEqual(alive(before), []);
  });
});

test('each demo backend has a log of its own, and one stream holds them all if that is asked for', async () => {
  await withLauncher(15340, async (launcher) => {
    launcher.configure({ logs: { backends: 'run/nodes', backends_stdout: true } });
    launcher.start();
    await launcher.says(READY);
    assert.ok(launcher.output.includes('run/nodes'), 'the summary says where');
    for (const [i, name] of ['fast', 'standard', 'slow'].entries()) {
      const answer = await fetch(`http://127.0.0.1:${15344 + i}/add?a=1&b=${i}`);
      assert.equal(((await answer.json()) as { served_by: string }).served_by, name);
      // A node writes its line when its answer has gone out, on standard output first.
      const read = (): string => readFileSync(join(launcher.run, 'nodes', `${name}.log`), 'utf8');
      await until(() => read() !== '', 5000, `${name} has logged nothing`);
      const line = read();
      assert.match(
        line,
        new RegExp(`^[^\\n]*"served_by":"${name}"[^\\n]*"uri":"/add\\?a=1&b=${i}"[^\\n]*\\n$`),
      );
      assert.ok(launcher.output.includes(line));
    }
    await (await fetch('http://127.0.0.1:15340/add?a=2&b=2')).text();
    // A replay plays clients from this machine, through the gateway; nobody tells a node how to behave through it.
    const headers = { 'X-Forwarded-For': '203.0.113.9', 'X-Demo-Status': '418' };
    assert.equal((await fetch('http://127.0.0.1:15340/played', { headers })).status, 418);
    assert.equal((await fetch('http://127.0.0.1:15340/control')).status, 403);
    assert.equal((await fetch('http://127.0.0.1:15345/control')).status, 200);
    await launcher.says('"uri":"/add?a=2&b=2"', 2); // the gateway's line, and the backend's
  });
});

test('a part that dies is started again and that is said; what it left behind is cleared away', async () => {
  await withLauncher(15350, async (launcher) => {
    launcher.start();
    await launcher.says(READY);
    for (const [part, command] of [
      ['scorer', /scorer\/server\.ts/],
      ['Redis', /redis-server/],
      ['backend fast', /--name fast/],
      ['gateway', /nginx: master/],
    ] as const) {
      process.kill(launcher.process(command), 'SIGKILL');
      await launcher.says(`${part} ended (signal SIGKILL); starting it again in 0.2 s`);
      await launcher.says(`${part} is back`);
    }
    assert.equal((await fetch('http://127.0.0.1:15350/')).status, 200);
    const workers = launcher.processes().filter(([, command]) => command.startsWith('nginx: worker'));
    assert.equal(workers.length, 2);
  });
});

test(
  'when the launcher itself is killed, nothing outlives it',
  { skip: which('setpriv') === null },
  async () => {
    await withLauncher(15360, async (launcher) => {
      launcher.start();
      await launcher.says(READY);
      const before = launcher.processes();
      launcher.child?.kill('SIGKILL');
      await launcher.exit();
      for (const ends = Date.now() + 5000; Date.now() < ends && alive(before).length > 0; await sleep(50));
      assert.deepEqual(alive(before), []);
      launcher.start();
      await launcher.says(READY);
    });
  },
);

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

test('a port in use ends the start with the port, its holder and the key to change; nothing is left running', async () => {
  await withLauncher(15380, async (launcher) => {
    const server = createServer().listen(15382, '127.0.0.1');
    launcher.start();
    assert.equal(await launcher.exit(), 1);
    assert.match(
      launcher.output,
      new RegExp(`port 15382 \\(scorer\\) is in use by .*\\(process ${process.pid}\\); .*scorer\\.listen`),
    );
    assert.deepEqual(launcher.processes(), []);
    server.close();
  });
});

test('--port moves the gateway; a second start from the same run folder is refused', async () => {
  await withLauncher(15380, async (launcher) => {
    launcher.start('--port', '15388');
    await launcher.says(READY);
    assert.equal((await fetch('http://127.0.0.1:15388/')).status, 200);
    const { status, stdout } = spawnSync(
      process.execPath,
      ['launch/start.mjs', '--config', launcher.file, '--run', launcher.run],
      { cwd: root, encoding: 'utf8' },
    );
    assert.equal(status, 1);
    assert.match(stdout, new RegExp(`already runs from .* \\(process ${launcher.child?.pid}\\)`));
  });
});

test('without a model there is a clear error and no start', async () => {
  await withLauncher(15390, async (launcher) => {
    rmSync(join(launcher.folder, 'model'), { recursive: true });
    launcher.start();
    assert.equal(await launcher.exit(20_000), 1);
    assert.match(
      launcher.output,
      /scoregate\.yaml:\d+: model: there is no model in .*; name the folder of one/,
    );
    assert.deepEqual(launcher.processes(), []);
  });
});
