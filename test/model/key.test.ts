import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { clientKey } from '../../scorer/key.ts';

const file = new URL('../vectors/client_keys.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as { in: string; key: string | null }[];

test('an address has the client key that the shared vectors give it', () => {
  assert.ok(vectors.length >= 30);
  for (const vector of vectors) assert.equal(clientKey(vector.in), vector.key, `key of "${vector.in}"`);
});

test('a client key is its own client key', () => {
  for (const { key } of vectors) if (key !== null) assert.equal(clientKey(key), key);
});
