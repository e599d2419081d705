import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { root } from '../../config/paths.ts';
import { prepare, release, running } from '../../launch/folder.ts';
import { OptionError, overrides, parseOptions } from '../../launch/options.ts';
import { holder, portProblem } from '../../launch/ports.ts';
import { chooseUser, unreadable } from '../../launch/user.ts';

const folder = mkdtempSync(join(tmpdir(), 'scoregate-options-'));
after(() => rmSync(folder, { recursive: true }));

test('options are read', () => {
  assert.deepEqual(parseOptions([]), { help: false });
  assert.deepEqual(parseOptions(['--config', 'a.yaml', '--port=9000', '--run', 'r']), {
    help: false,
    config: 'a.yaml',
    port: 9000,
    run: 'r',
  });
  assert.equal(parseOptions(['-h']).help, true);
  assert.deepEqual(overrides(parseOptions(['--cache-ttl', '30', '--port', '81'])), {
    listen: { port: 81 },
    cache: { enabled: true, ttl_s: 30 },
  });
});

for (const [about, args, expected] of [
  ['an unknown option', ['--prot', '80'], /Unknown option '--prot'[\s\S]*--port N/],
  ['an argument that is no option', ['my.yaml'], /Unexpected argument 'my\.yaml'[\s\S]*--config FILE/],
  ['an option without its value', ['--config'], /argument missing[\s\S]*--config FILE/],
  ['a port that is no number', ['--port', 'http'], /--port http: a number from 1 to 65535 is needed/],
  ['a time to live with a unit', ['--cache-ttl', '30s'], /--cache-ttl 30s: a number of seconds from 1 on/],
  ['no time to live', ['--cache-ttl', '0'], /for example --cache-ttl 30/],
  ['a port out of range', ['--port', '65536'], /--port 65536: a number from 1 to 65535/],
] as const) {
  test(`refused, with what there is instead: ${about}`, () => {
    assert.throws(
      () => parseOptions(args),
      (error) => error instanceof OptionError && expected.test(error.message),
    );
  });
}

test('npm start ends with code 2 and the list of options when one is unknown', () => {
  const { status, stdout } = spawnSync(process.execPath, ['launch/start.mjs', '--cofnig', 'x'], {
    cwd: root,
    encoding: 'utf8',
  });
  assert.equal(status, 2);
  assert.match(stdout, /Unknown option '--cofnig'/);
  assert.match(stdout, /--config FILE .*--port N .*--run DIR/s);
});

function listen(port: number): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen({ port, host: '127.0.0.1' }, () => resolve(server));
  });
}

test('a free port is no problem; one in use is named with its holder and the key that moves it', async () => {
  const listener = { name: 'gateway', key: 'listen.port', host: '0.0.0.0', port: 15330 };
  assert.equal(await portProblem(listener), null);
  const server = await listen(15330);
  const problem = (await portProblem(listener)) ?? '';
  assert.match(
    problem,
    /^port 15330 \(gateway\) is in use by .*node.* \(process \d+\); .* change listen\.port in scoregate\.yaml$/,
  );
  assert.ok(problem.includes(`(process ${process.pid})`));
  server.close();
});

test('the holder of a port is found only while it listens', async () => {
  assert.match(holder(15331), /another user/);
  const server = await listen(15331);
  assert.ok(holder(15331).endsWith(`(process ${process.pid})`));
  server.close();
});

test('an address that is not of this machine is named', async () => {
  const problem = await portProblem({
    name: 'gateway',
    key: 'listen.address',
    host: '192.0.2.1',
    port: 15332,
  });
  assert.match(problem ?? '', /this machine has no address 192\.0\.2\.1; change listen\.address/);
});

test('the secret is 64 hexadecimal digits for its owner only, and is kept from start to start', () => {
  const run = join(folder, 'run');
  prepare(run, null);
  const secret = readFileSync(join(run, 'secret'), 'utf8');
  assert.match(secret, /^[0-9a-f]{64}\n$/);
  assert.equal(statSync(join(run, 'secret')).mode & 0o777, 0o600);
  release(run);
  prepare(run, null);
  assert.equal(readFileSync(join(run, 'secret'), 'utf8'), secret);
  release(run);
});

test('a secret that is none is made anew', () => {
  const run = join(folder, 'run-short');
  mkdirSync(run);
  writeFileSync(join(run, 'secret'), 'abc', { mode: 0o644 });
  prepare(run, null);
  assert.match(readFileSync(join(run, 'secret'), 'utf8'), /^[0-9a-f]{64}\n$/);
  assert.equal(statSync(join(run, 'secret')).mode & 0o777, 0o600);
});

test('a process id left behind by a launcher that is gone, or now somebody else, stands in nobody’s way', () => {
  const run = join(folder, 'run-left');
  mkdirSync(run);
  for (const pid of ['999999999', String(process.ppid), 'x', '']) {
    writeFileSync(join(run, 'scoregate.pid'), pid);
    assert.equal(running(run), null, pid);
  }
  prepare(run, null);
});

test(
  'root gives its rights up, unless the other user could not read the project',
  { skip: process.getuid?.() !== 0 },
  () => {
    const open = mkdtempSync(join(tmpdir(), 'scoregate-user-'));
    const closed = join(open, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    writeFileSync(join(closed, 'x'), '');
    spawnSync('chmod', ['755', open]);
    const chosen = chooseUser([open]);
    assert.ok(chosen.user && chosen.user.uid > 0);
    assert.equal(chosen.warning, null);
    assert.equal(unreadable(chosen.user, [open, join(closed, 'x')]), join(closed, 'x'));
    const fallback = chooseUser([join(closed, 'x')]);
    assert.equal(fallback.user?.uid, 0);
    assert.match(
      fallback.warning ?? '',
      /everything runs as root: \S+ cannot read .*closed\/x; move the project to/,
    );
    rmSync(open, { recursive: true });
  },
);
