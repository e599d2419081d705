import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { root } from '../../config/paths.ts';
import { Certificates } from '../harness/certificates.ts';
import { until } from '../harness/gateway.ts';
import { Launcher } from './launcher.ts';

const launcher = new Launcher(15410);
const made = new Certificates();
after(async () => {
  await launcher.end();
  made.remove();
});
const tls = { port: 15419 };
const dev = join(launcher.run, 'tls/dev.pem');

/** Status of a request over TLS by whoever trusts only `file`. */
function get(file: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(
      `https://localhost:${tls.port}/`,
      { ca: readFileSync(file), family: 4, agent: false },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      },
    );
    asked.on('error', reject).end();
  });
}

const reload = () =>
  spawnSync(process.execPath, ['launch/run.mjs', 'launch/reload.ts', '--run', launcher.run], {
    cwd: root,
    encoding: 'utf8',
  });

test('--tls-dev makes a certificate for this machine, which is good for localhost, and says so', async () => {
  launcher.configure({ tls });
  launcher.start('--tls-dev');
  await launcher.says('Scoregate is ready');
  assert.match(launcher.output, /https:\/\/127\.0\.0\.1:15419 +TLS for localhost, .*until \d{4}-/);
  assert.equal(await get(dev), 200);
  assert.equal(statSync(join(launcher.run, 'tls/dev.key')).mode & 0o777, 0o600);
  const plain = await fetch('http://127.0.0.1:15410/');
  assert.deepEqual([plain.status, plain.redirected], [200, false]);
});

test('the certificate is kept from one start to the next', async () => {
  const before = readFileSync(dev, 'utf8');
  launcher.child?.kill('SIGTERM');
  await launcher.exit();
  launcher.start('--tls-dev');
  await launcher.says('Scoregate is ready');
  assert.equal(readFileSync(dev, 'utf8'), before);
});

test('a reload with a key that does not fit is refused with its line, and nothing changes', async () => {
  launcher.child?.kill('SIGTERM');
  await launcher.exit();
  const [a, b] = [made.make('a', ['DNS:localhost']), made.make('b', ['DNS:localhost'])];
  launcher.configure({ tls: { ...tls, certificates: [a] } });
  launcher.start();
  await launcher.says('Scoregate is ready');
  launcher.configure({ tls: { ...tls, certificates: [{ ...a, key: b.key }] } });
  const refused = reload();
  assert.equal(refused.status, 1);
  assert.match(
    refused.stdout,
    /refused, nothing has changed: .*:\d+: tls\.certificates\[0\]\.key: this is not the key of/,
  );
  assert.equal(await get(a.certificate), 200);
  launcher.configure({ tls: { ...tls, certificates: [b] } });
  const taken = reload();
  assert.equal(taken.status, 0, taken.stdout + taken.stderr);
  // An old worker may take a last connection while it is being told.
  const answered = (): Promise<boolean> =>
    get(b.certificate).then(
      (status) => status === 200,
      () => false,
    );
  await until(answered, 3000, 'the new certificate is not served');
  await assert.rejects(get(a.certificate));
});
