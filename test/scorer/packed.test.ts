/** What is read from the bytes of a record is what decode() makes of them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { BITMAPS, COUNTS } from '../../scorer/observations.ts';
import { seeded } from '../../scorer/random.ts';
import { unpack } from '../../scorer/store/packed.ts';
import { add, decode, type ClientRecord } from '../../scorer/store/record.ts';
import { withTier } from '../../scorer/store/standing.ts';
import type { Reported, Standing } from '../../scorer/store/store.ts';
import { sumsAt } from '../../scorer/sums.ts';

const NOW = 1_800_000_000;
const NOBODY: Standing = { tier: -1, since: [0, 0], returned: 0 };
const random = seeded(3);
const below = (n: number): number => Math.floor(n * random());

function report(): Reported {
  const added: Record<string, number | { hi: number; lo: number }> = {};
  for (const name of COUNTS) if (below(3) === 0) added[name] = 1 + below(300);
  for (const name of BITMAPS) if (below(2) === 0) added[name] = { hi: below(2 ** 32), lo: below(2 ** 32) };
  return { key: 'a', hits: [[below(4), 1 + below(2000)]], added };
}

/** A record of some minutes, and the second of its last report. */
function someRecord(): { record: Buffer; last: number } {
  let record: Buffer = Buffer.alloc(0);
  let last = NOW + below(1000);
  for (let reports = 1 + below(25); reports > 0; reports--) {
    last += below(9);
    record = add(record, report(), 2, last, 0);
  }
  return { record, last };
}

test('the sums of a packed record are those of its track, from whichever second it is seen', () => {
  for (let i = 0; i < 300; i++) {
    const { record, last } = someRecord();
    const decoded = decode(record, 2) as ClientRecord;
    const packed = unpack(record, 2);
    for (const now of [last - 5, last, last + 1, last + below(60), last + 59, last + 70])
      assert.deepEqual(packed?.sumsAt(now), sumsAt(decoded.track, now), `record ${i} from ${now - last} s`);
  }
});

test('a tier is written into a record without touching its window', () => {
  for (let i = 0; i < 50; i++) {
    const { record, last } = someRecord();
    const standing = { tier: 2, since: [last + 7, last + 3], returned: below(2) * last };
    const told = withTier(record, { key: 'a', ...standing, found: NOBODY });
    const { tier, since, returned } = unpack(told, 2) as Standing;
    assert.deepEqual({ tier, since, returned }, standing);
    assert.deepEqual(decode(told, 2)?.track, decode(record, 2)?.track);
    assert.deepEqual(decode(told, 2)?.last, last);
  }
});

test('a record of other tiers has lost its standing and nothing else', () => {
  const { record, last } = someRecord();
  const told = withTier(record, { key: 'a', tier: 1, since: [last, 0], returned: last, found: NOBODY });
  const { tier, since, returned } = unpack(told, 3) as Standing;
  assert.deepEqual({ tier, since, returned }, { tier: -1, since: [0, 0, 0], returned: 0 });
  const again = withTier(told, {
    key: 'a',
    tier: 1,
    since: [last, 0, 0],
    returned: 0,
    found: { tier: -1, since: [0, 0, 0], returned: 0 },
  });
  assert.equal(unpack(again, 3)?.tier, 1);
  assert.deepEqual(decode(again, 3)?.track, decode(record, 2)?.track);
});

test('what is no record is none', () => {
  const { record } = someRecord();
  assert.equal(unpack(Buffer.alloc(0), 2), null);
  assert.equal(unpack(record.subarray(0, record.length - 1), 2), null);
  assert.equal(decode(record.subarray(0, record.length - 1), 2), null);
});
