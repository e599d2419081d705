/** The bounded map: who goes first, and that it stays in order. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Lru } from '../../scorer/store/lru.ts';

function filled(most: number, keys: string): Lru<string> {
  const lru = new Lru<string>(most);
  for (const key of keys) lru.set(key, key.toUpperCase());
  return lru;
}

test('a full one lets go what was set longest ago, and counts it', () => {
  const lru = filled(3, 'abcad');
  assert.deepEqual([...lru.values()], ['C', 'A', 'D']);
  assert.deepEqual(
    [lru.oldest(2), lru.oldest(9)],
    [
      ['C', 'A'],
      ['C', 'A', 'D'],
    ],
  );
  assert.deepEqual([lru.size, lru.pushedOut, lru.get('b')], [3, 1, undefined]);
});

test('looking is no use, and setting the newest again changes its value alone', () => {
  const lru = filled(3, 'abc');
  assert.equal(lru.get('a'), 'A');
  lru.set('c', 'new');
  lru.set('d', 'D');
  assert.deepEqual([...lru.values()], ['B', 'new', 'D']);
});

test('what is deleted leaves its room, wherever it stands', () => {
  for (const [gone, left] of [
    ['a', 'BCD'],
    ['b', 'ACD'],
    ['c', 'ABD'],
    ['x', 'BCD'],
  ] as const) {
    const lru = filled(3, 'abc');
    lru.delete(gone);
    lru.set('d', 'D');
    assert.equal([...lru.values()].join(''), left);
    assert.equal(lru.pushedOut, gone === 'x' ? 1 : 0);
  }
  const emptied = filled(1, 'a');
  emptied.delete('a');
  assert.deepEqual([...emptied.values()], []);
  emptied.set('b', 'B');
  assert.deepEqual([...emptied.values()], ['B']);
});

test('a full one of 100,000 takes new ones as soon as an empty one', () => {
  const lru = new Lru<number>(100_000);
  for (let i = 0; i < 100_000; i++) lru.set(`old ${i}`, i);
  const start = performance.now();
  for (let i = 0; i < 100_000; i++) lru.set(`new ${i}`, i);
  // Walking past those that went took 100 µs for each new one.
  assert.ok(performance.now() - start < 1000);
  assert.equal(lru.pushedOut, 100_000);
});
