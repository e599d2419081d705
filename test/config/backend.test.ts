import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { backend } from '../../config/formats.ts';
import { ConfigError, parseConfig } from '../../config/read.ts';
import { nginxFiles } from '../../config/rules_files.ts';
import { Certificates } from '../harness/certificates.ts';
import { problems, testBad } from './problems.ts';

const made = new Certificates();
after(() => made.remove());

const tier = (backends: string, more = ''): string =>
  `tiers:\n- name: standard\n  backends: ${backends}\n${more}- { name: slow, backends: ["10.9.9.9:80"] }\nhysteresis: { hold_s: [1] }\n`;

test('a backend is HOST:PORT or a URL without a path', () => {
  assert.deepEqual(backend('10.0.0.1:81'), { host: '10.0.0.1', port: 81, tls: false });
  assert.deepEqual(backend('http://app'), { host: 'app', port: 80, tls: false });
  assert.deepEqual(backend('https://app.example'), { host: 'app.example', port: 443, tls: true });
  assert.deepEqual(backend('https://[2001:db8::1]:8443'), { host: '2001:db8::1', port: 8443, tls: true });
  assert.deepEqual(backend('https://[2001:db8::1]'), { host: '2001:db8::1', port: 443, tls: true });
  for (const text of ['app', 'ftp://app:21', 'https://app/', 'https://', 'https://a b', 'https://app:0'])
    assert.equal(backend(text), null, text);
  assert.deepEqual(problems(tier('["https://a.example", "https://a.example:8443"]')), []);
  assert.deepEqual(problems(tier('["https://10.0.0.1"]', '  tls_name: a.example\n')), []);
});

testBad([
  [
    'a backend with a path',
    tier('["https://app.example/api"]'),
    /^x\.yaml:3: tiers\[0\]\.backends\[0\]: .*a backend has no path: end it before the \//,
  ],
  ['a backend of another scheme', tier('["h2c://app:80"]'), /a backend speaks http:\/\/ or https:\/\//],
  [
    'http and https in one tier',
    tier('["https://app.example", "app.example:80"]'),
    /^x\.yaml:3: tiers\[0\]\.backends\[1\]: .* are not both https; .*a tier of its own$/,
  ],
  [
    'one backend in two ways of writing it',
    tier('["http://app:80", "app:80"]'),
    /^x\.yaml:3: tiers\[0\]\.backends\[1\]: "app:80" is there twice; name each backend once$/,
  ],
  [
    'an https backend by address',
    tier('["https://10.0.0.1"]'),
    /^x\.yaml:3: tiers\[0\]\.backends\[0\]: .* 10\.0\.0\.1 is none; add tls_name, the name in it, to the tier$/,
  ],
  [
    'https backends of two names',
    tier('["https://a.example", "https://b.example"]'),
    /backends\[1\]: .* b\.example is not a\.example; add the one that is in both as tls_name$/,
  ],
  [
    'a name for backends without TLS',
    tier('["a.example:80"]', '  tls_name: a.example\n'),
    /^x\.yaml:4: tiers\[0\]\.tls_name: no backend of this tier is https:\/\/, .*; take it out$/,
  ],
  [
    'an address for a name',
    tier('["https://a.example"]', '  tls_name: 10.0.0.1\n'),
    /^x\.yaml:4: tiers\[0\]\.tls_name: "10\.0\.0\.1" is not a host name: that is not a name; right would be/,
  ],
  [
    'a verification that is neither on nor off',
    'backend_tls:\n  verify: optional',
    /^x\.yaml:2: backend_tls\.verify: "optional" is not true or false/,
  ],
]);

test('a file of authorities that is not there, or is none, is an error with its line where it is needed', () => {
  const file = join(made.folder, 'empty.pem');
  writeFileSync(file, '');
  const read = (backends: string, ca: string): string => {
    try {
      parseConfig(`backend_tls:\n  ca: ${ca}\n${tier(backends)}`, 'x.yaml', {}, {}, nginxFiles(made.folder));
      return 'good';
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.message;
    }
  };
  assert.match(
    read('["https://a.example"]', '/none/ca.pem'),
    /^x\.yaml:2: backend_tls\.ca: there is no file \/none\/ca\.pem/,
  );
  assert.match(
    read('["https://a.example"]', file),
    /^x\.yaml:2: backend_tls\.ca: .* holds no certificate; it must be PEM/,
  );
  assert.equal(read('["https://a.example"]', 'system'), 'good');
  assert.equal(read('["a.example:80"]', '/none/ca.pem'), 'good');
});
