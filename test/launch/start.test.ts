import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../../config/paths.ts';
import { which } from '../../launch/find.mjs';
import { until } from '../harness/gateway.ts';
import { alive, READY, withLauncher } from './launcher.ts';

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
