import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { ConfigError, parseConfig } from '../../config/read.ts';
import { renderTexts } from '../../config/render.ts';
import { tlsFiles } from '../../config/rules_tls.ts';
import { findNginx, type Nginx } from '../../launch/find.mjs';
import { Certificates, openssl } from '../harness/certificates.ts';
import { testBad } from './problems.ts';

const made = new Certificates();
after(() => made.remove());
const run = join(made.folder, 'run');
mkdirSync(run);
made.make('a', ['DNS:a.example', 'DNS:b.example']);
made.make('b', ['DNS:b.example']);
made.make('nobody', []);
made.make('run/own', ['DNS:own.example']);
const file = (name: string): string => join(made.folder, name);
writeFileSync(file('text.pem'), 'hello\n');
const damaged = readFileSync(file('a.pem'), 'utf8').split('\n');
damaged.splice(3, 2, 'AAAA');
writeFileSync(file('damaged.pem'), damaged.join('\n'));
openssl(['pkey', '-in', file('a.key'), '-aes256', '-passout', 'pass:x', '-out', file('locked.key')]);

function read(text: string): readonly string[] {
  try {
    parseConfig(text.replaceAll('DIR', made.folder), 'x.yaml', {}, {}, tlsFiles(run));
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.map((problem) => problem.replaceAll(made.folder, 'DIR'));
  }
}

const one = (certificate: string, key: string): string =>
  `tls:\n  certificates:\n  - certificate: ${certificate}\n    key: ${key}\n`;
const more = (certificate: string, key: string): string =>
  `  - { certificate: ${certificate}, key: ${key} }\n`;
const good = one('DIR/a.pem', 'DIR/a.key');

const bad: [about: string, text: string, expected: RegExp][] = [
  [
    'a certificate that is not there',
    one('DIR/none.pem', 'DIR/a.key'),
    /^x\.yaml:3: tls\.certificates\[0\]\.certificate: there is no file DIR\/none\.pem; write where it is$/,
  ],
  [
    'a key that is not there',
    one('DIR/a.pem', 'DIR/none.key'),
    /^x\.yaml:4: tls\.certificates\[0\]\.key: there is no file DIR\/none\.key; write where it is$/,
  ],
  [
    'a folder for a certificate',
    one('DIR', 'DIR/a.key'),
    /certificate: DIR could not be read \(EISDIR\); let .* read it$/,
  ],
  [
    'a certificate that is none',
    one('DIR/text.pem', 'DIR/a.key'),
    /^x\.yaml:3: .*DIR\/text\.pem holds no certificate; it must be PEM, which begins with -----BEGIN CERTIFICATE-----$/,
  ],
  [
    'a damaged certificate',
    one('DIR/damaged.pem', 'DIR/a.key'),
    /damaged\.pem is damaged \(.*\); fetch the certificate anew$/,
  ],
  [
    'certificate and key the wrong way round',
    one('DIR/a.pem', 'DIR/a.pem'),
    /^x\.yaml:4: .*a\.pem holds no private key; it must be PEM/,
  ],
  [
    'a key with a password',
    one('DIR/a.pem', 'DIR/locked.key'),
    /^x\.yaml:4: .*has a password, which nobody could type; take it off with openssl pkey$/,
  ],
  [
    "another certificate's key",
    one('DIR/a.pem', 'DIR/b.key'),
    /^x\.yaml:4: tls\.certificates\[0\]\.key: this is not the key of DIR\/a\.pem, .*; name its key$/,
  ],
  [
    'a name in two certificates',
    good + more('DIR/b.pem', 'DIR/b.key'),
    /^x\.yaml:5: tls\.certificates\[1\]\.certificate: b\.example is in tls\.certificates\[0\] too; keep one/,
  ],
  [
    'a second certificate for nobody',
    good + more('DIR/nobody.pem', 'DIR/nobody.key'),
    /^x\.yaml:5: tls\.certificates\[1\]\.certificate: it names no host, .*or put it first$/,
  ],
  [
    'the port of the admin server',
    `${good}  port: 8090\n`,
    /^x\.yaml:1: admin: port 8090 is already used by tls\.port; give each/,
  ],
];
for (const [about, text, expected] of bad) {
  test(`refused with line, reason and remedy: ${about}`, () => {
    const found = read(text);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', expected);
  });
}

testBad([
  [
    'a certificate without its key',
    'tls:\n  certificates:\n  - certificate: a.pem',
    /^x\.yaml:3: tls\.certificates\[0\]: the key "key" is missing in tls\.certificates\[0\]; right would be "certs\/example\.org\.key"$/,
  ],
  [
    'one certificate that is no list',
    'tls: { certificates: a.pem }',
    /is not a list of certificates with their keys/,
  ],
  [
    'a redirect to somewhere',
    'tls:\n  redirect: https',
    /^x\.yaml:2: tls\.redirect: "https" is not true or false/,
  ],
]);

test('files in the run folder, and a certificate for nobody that is the first, are good', () => {
  assert.deepEqual(read(one('run/own.pem', 'run/own.key')), []);
  assert.deepEqual(read(one('DIR/nobody.pem', 'DIR/nobody.key') + more('DIR/b.pem', 'DIR/b.key')), []);
});

test('the files are looked at only by whoever runs nginx', () => {
  assert.equal(parseConfig(one('/none.pem', '/none.key'), 'x.yaml').tls.certificates.length, 1);
});

test('HTTP/2 is asked for in the way that the nginx that is found understands without a warning', () => {
  const found = findNginx();
  assert.ok(found);
  const conf = (version: number[]): string => {
    const nginx: Nginx = { ...found, version };
    return renderTexts(parseConfig(good.replaceAll('DIR', made.folder), 'x.yaml'), run, { nginx }).nginxConf;
  };
  assert.match(conf([1, 22, 1]), /listen 0\.0\.0\.0:8443 ssl http2 default_server backlog=4096;/);
  assert.doesNotMatch(conf([1, 22, 1]), /http2 on/);
  assert.match(conf([1, 27, 1]), /listen 0\.0\.0\.0:8443 ssl default_server backlog=4096;/);
  assert.match(conf([1, 27, 1]), /http2 on;/);
});
