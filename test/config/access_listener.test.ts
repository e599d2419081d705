import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { parseConfig } from '../../config/read.ts';
import { renderTexts } from '../../config/render.ts';
import type { Overrides } from '../../config/schema.ts';
import { findNginx } from '../../launch/find.mjs';
import { overrides } from '../../launch/options.ts';
import { nginxProblem } from '../../launch/tryout.ts';
import { Certificates } from '../harness/certificates.ts';
import { problems, testBad } from './problems.ts';

const found = findNginx();
assert.ok(found, 'npm test installs an nginx with Lua');
const nginx = found;
const made = new Certificates();
after(() => made.remove());
const run = join(made.folder, 'run');
mkdirSync(join(run, 'tls'), { recursive: true });
const certificates = `certificates: [${JSON.stringify(made.make('run/tls/dev', ['DNS:localhost']))}]`;

const rendered = (yaml: string, more: Overrides = {}): string =>
  renderTexts(parseConfig(yaml, 'x.yaml', more), run, { nginx }).nginxConf;
const trees = (text: string): string[] =>
  [...text.matchAll(/geo (\$access\S*)/g)].map(([, name]) => name ?? '');
/** Which lists the server that listens on `port` asks before all else. */
const gates = (text: string, port: number): string[] => {
  const server = text.split(/^ {2}server \{$/m).find((part) => part.includes(`listen 0.0.0.0:${port}`)) ?? '';
  const before = server.split('location')[0] ?? '';
  return [...before.matchAll(/if \((\$access\S*) = deny\)/g)].map(([, name]) => name ?? '');
};

testBad([
  [
    "a listener's network with bits beyond its length",
    'listen:\n  access:\n    deny:\n    - 10.1.1.1/16',
    /^x\.yaml:4: listen\.access\.deny\[0\]: "10\.1\.1\.1\/16" is not .*the network is 10\.1\.0\.0\/16; right would be/,
  ],
  [
    'the same with TLS, where there are no certificates yet',
    'tls:\n  access: { allow: [office.example.org] }',
    /^x\.yaml:2: tls\.access\.allow\[0\]: .*that is not an address; right would be "203\.0\.113\.0\/24"$/,
  ],
  [
    'a network that a listener allows and denies',
    'listen:\n  access:\n    allow: [192.0.2.1]\n    deny: [192.0.2.0/24, 192.0.2.1/32]',
    /^x\.yaml:4: listen\.access\.deny\[1\]: 192\.0\.2\.1\/32 is in listen\.access\.allow\[0\] too; name each network once$/,
  ],
  [
    'the same with TLS',
    'tls:\n  access: { deny: ["2001:db8::/32", "2001:0DB8::/32"] }',
    /^x\.yaml:2: tls\.access\.deny\[1\]: .* is in tls\.access\.deny\[0\] too; name each network once$/,
  ],
  [
    'a pin of a listener',
    'tls:\n  access: { pin: {} }',
    /^x\.yaml:2: tls\.access\.pin: unknown key "pin"; known here: default, allow, deny$/,
  ],
  [
    'a list that is misspelt',
    'listen:\n  acces: { default: deny }',
    /^x\.yaml:2: listen\.acces: unknown key "acces"; did you mean "access"\?$/,
  ],
  [
    'a network in the place of a list',
    'listen: { access: [10.0.0.0/8] }',
    /^x\.yaml:1: listen\.access: \["10\.0\.0\.0\/8"\] is not a group of keys; right would be \{"default":"deny"/,
  ],
]);

test('a network may be in the lists of the site, of both listeners and of a path', () => {
  const list = 'access: { deny: [10.0.0.0/8] }';
  const text = `${list}\nlisten: { ${list} }\ntls: { ${list} }\npaths: [{ path: /a, ${list} }]`;
  assert.deepEqual(problems(text), []);
});

test('each server asks the list of the site and its own, and nothing where none of them denies anybody', () => {
  const own = (port: number): string => `access: { deny: [10.0.0.0/8] }, port: ${port}`;
  const plain = rendered(`listen: { ${own(81)} }\ntls: { ${certificates}, redirect: false }`);
  assert.deepEqual([trees(plain), gates(plain, 81), gates(plain, 8443)], [['$access_listen'], ['$access_listen'], []]); // prettier-ignore
  const secure = rendered(`access: { default: deny }\ntls: { ${own(82)}, ${certificates}, redirect: false }`);
  assert.deepEqual(trees(secure), ['$access', '$access_tls']);
  assert.deepEqual([gates(secure, 8080), gates(secure, 82)], [['$access'], ['$access', '$access_tls']]);
  // The server that only redirects.
  assert.deepEqual(gates(rendered(`listen: { ${own(81)} }\ntls: { ${certificates} }`), 81), [
    '$access_listen',
  ]);
  for (const nobody of [
    'listen: { access: { allow: [10.0.0.0/8] } }',
    'tls: { access: { default: deny } }',
    '',
  ])
    assert.doesNotMatch(rendered(nobody), /\$access|@denied/, nobody);
});

test('who is denied by a listener is served by no tier, in mode off too', () => {
  const log = /"tier":"\$tier","score":null,"origin":"\$origin"/;
  assert.match(rendered('mode: off\nlisten: { access: { default: deny } }'), log);
  const secure = `tls: { redirect: false, access: { default: deny }`;
  assert.match(rendered(`mode: off\n${secure}, ${certificates} }`), log);
  assert.doesNotMatch(rendered(`mode: off\n${secure} }`), log, 'without a certificate nobody listens');
});

test('with the certificate of --tls-dev the list of tls holds', () => {
  const text = rendered(
    'tls: { access: { default: deny, allow: [127.0.0.1] } }',
    overrides({ help: false, tlsDev: true }),
  );
  assert.deepEqual([gates(text, 8080), gates(text, 8443)], [[], ['$access_tls']]);
});

test('10,000 networks in each list are read within two seconds of processor time, and nginx takes them', () => {
  const networks = Array.from({ length: 10_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/24`).join(', ');
  const list = `access: { default: deny, allow: [${networks}] }`;
  const before = process.cpuUsage();
  const config = parseConfig(`listen: { ${list} }\ntls: { ${list}, ${certificates} }`, 'x.yaml');
  const { user, system } = process.cpuUsage(before); // other tests have the processor too
  assert.ok(user + system < 2e6, `${user + system} µs`);
  assert.equal(nginxProblem(config, { run, nginx, user: null }), null);
});
