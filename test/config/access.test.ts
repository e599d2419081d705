import assert from 'node:assert/strict';
import test from 'node:test';
import { parseConfig } from '../../config/read.ts';
import { problems, testBad } from './problems.ts';

testBad([
  [
    'a denied network with bits beyond its length',
    'access:\n  deny:\n  - 10.0.0.0/8\n  - 10.1.1.1/16',
    /^x\.yaml:4: access\.deny\[1\]: "10\.1\.1\.1\/16" is not .*the network is 10\.1\.0\.0\/16; right would be/,
  ],
  [
    'a network of IPv4 written as one of IPv6, in which nginx would look for nobody',
    'access:\n  deny: ["::ffff:10.0.0.0/104"]',
    /^x\.yaml:2: access\.deny\[0\]: .*addresses of IPv4 are compared as such; write it as one of IPv4/,
  ],
  [
    'everybody as a network',
    'access: { deny: [0.0.0.0/0] }',
    /^x\.yaml:1: access\.deny\[0\]: .*meant by the key default: allow or deny/,
  ],
  [
    'a host name in a list',
    'access:\n  allow: [office.example.org]',
    /^x\.yaml:2: access\.allow\[0\]: .*that is not an address; right would be "203\.0\.113\.0\/24"$/,
  ],
  [
    'one network that is no list',
    'access: { deny: 10.0.0.0/8 }',
    /^x\.yaml:1: access\.deny: "10\.0\.0\.0\/8" is not a list of networks/,
  ],
  [
    'a default that is neither',
    'access:\n  default: reject',
    /^x\.yaml:2: access\.default: "reject" is not allow or deny; right would be "allow"$/,
  ],
  [
    'a network that is allowed and denied',
    'access:\n  allow: [192.0.2.1]\n  deny: [192.0.2.0/24, 192.0.2.1/32]',
    /^x\.yaml:3: access\.deny\[1\]: 192\.0\.2\.1\/32 is in access\.allow\[0\] too; name each network once$/,
  ],
  [
    'a network in two ways of writing it',
    'access:\n  deny: ["2001:db8::/32"]\n  pin:\n    slow: ["2001:0DB8:0::/32"]',
    /^x\.yaml:4: access\.pin\.slow\[0\]: .* is in access\.deny\[0\] too/,
  ],
  [
    'a pin to a tier that is misspelt',
    'access:\n  pin:\n    slwo: [192.0.2.1]',
    /^x\.yaml:3: access\.pin\.slwo: "slwo" is not a tier; did you mean "slow"\?$/,
  ],
  [
    'a pin without a tier',
    'access:\n  pin: [192.0.2.1]',
    /^x\.yaml:2: access\.pin: \["192\.0\.2\.1"\] is not a group of tier names, each with a list of networks; right would be \{"fast"/,
  ],
  [
    'an unknown list',
    'access: { denny: [10.0.0.0/8] }',
    /^x\.yaml:1: access\.denny: unknown key "denny"; did you mean "deny"\?$/,
  ],
  [
    'a pin of a path',
    'paths:\n- path: /a\n  access: { pin: {} }',
    /^x\.yaml:3: paths\[0\]\.access\.pin: unknown key "pin"; known here: default, allow, deny$/,
  ],
  [
    'a path without its beginning',
    'paths:\n- path: admin/',
    /^x\.yaml:2: paths\[0\]\.path: "admin\/" is not the beginning of a path: a path begins with \/; right would be/,
  ],
  ['a path with a query', 'paths: [{ path: "/a?b=1" }]', /a path ends before the \? and the #/],
  [
    'a path that nginx would read as syntax',
    'paths: [{ path: "/a;b" }]',
    /it holds a space, a quote or one of/,
  ],
  [
    'a path with dots in it',
    'paths: [{ path: /a/../b }]',
    /after it has resolved \/\/, \/\.\/ and \/\.\.\/ in them/,
  ],
  [
    'an entry without a path',
    'paths:\n- access: { deny: ["::1"] }',
    /^x\.yaml:2: paths\[0\]: the key "path" is missing in paths\[0\]/,
  ],
  [
    'a path twice',
    'paths:\n- path: /a\n- path: /a',
    /^x\.yaml:3: paths\[1\]\.path: "\/a" is in paths\[0\] too; put both into one$/,
  ],
]);

test('10,000 networks are read within a second of processor time', () => {
  const networks = Array.from({ length: 10_000 }, (_, i) => `  - 10.${i >> 8}.${i & 255}.0/24`);
  const before = process.cpuUsage();
  const config = parseConfig(`access:\n  deny:\n${networks.join('\n')}`, 'x.yaml');
  assert.equal(config.access.deny.length, 10_000);
  const { user, system } = process.cpuUsage(before); // other tests have the processor too
  assert.ok(user + system < 1e6, `${user + system} µs`);
});

test('a network within another one is no contradiction', () => {
  assert.deepEqual(problems('access: { deny: [10.0.0.0/8], allow: [10.0.0.0/16, 10.0.0.0] }'), []);
});
