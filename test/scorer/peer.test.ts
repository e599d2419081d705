import assert from 'node:assert/strict';
import test from 'node:test';
import { clientOf, isLoopback, trusts } from '../../scorer/peer.ts';

const trusted = trusts(['10.0.0.0/8', '2001:db8::/32']);

test('loopback and the configured networks are trusted, mapped addresses as what they are', () => {
  for (const yes of [
    '127.0.0.1',
    '127.9.9.9',
    '::1',
    '::ffff:127.0.0.1',
    '10.1.2.3',
    '::ffff:10.1.2.3',
    '2001:db8::9',
  ]) {
    assert.equal(trusted(yes), true, yes);
  }
  for (const no of ['11.0.0.1', '2001:db9::1', '', 'x']) assert.equal(trusted(no), false, no);
  assert.equal(isLoopback(undefined), false);
});

test('the client is the rightmost address that is not a trusted proxy', () => {
  assert.equal(clientOf('203.0.113.9', trusted), '203.0.113.9');
  assert.equal(clientOf('6.6.6.6, 203.0.113.9, 10.0.0.2', trusted), '203.0.113.9');
  assert.equal(clientOf('10.0.0.3, 10.0.0.2', trusted), '10.0.0.3');
  assert.equal(clientOf('203.0.113.9:4711, 10.0.0.2', trusted), '203.0.113.9');
  assert.equal(clientOf('[2001:db9::1]:4711', trusted), '2001:db9::1');
  assert.equal(clientOf('203.0.113.9, nonsense', trusted), null);
  assert.equal(clientOf('', trusted), null);
});
