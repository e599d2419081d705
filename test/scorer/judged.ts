/** Clients to judge, with a model that is only a function. */
import assert from 'node:assert/strict';
import type { Lease } from '../../scorer/lease.ts';
import { judge, type Judging, type Subject } from '../../scorer/judge.ts';
import { emptyRecord, type ClientRecord } from '../../scorer/store/record.ts';
import { historyOf } from '../../scorer/sums.ts';
import type { Lines } from '../../scorer/tier.ts';
import { addHits } from '../../scorer/window.ts';
import { fakeModel } from './models.ts';

export const NOW = 1_700_000_000;
export const NOBODY = { tier: -1, since: [0, 0], returned: 0 };
export const LINES: Lines = { thresholds: [0.35, 0.7], margin: 0.05, holds: [120, 600], repeat: 0, clean: 0 };
// sigmoid(3 ln((1+r)/101)) reaches 0.35 with the 82nd and 0.7 with the 133rd request, 0.3 with the 76th.
export const [STANDARD, SLOW] = [82, 133];

export function record(hits: [age: number, n: number][], more: Partial<ClientRecord> = {}): ClientRecord {
  const made = { ...emptyRecord(2), last: NOW, ...more };
  for (const [age, n] of hits) addHits(made.track, NOW - age, n);
  return made;
}

export const subject = (record: ClientRecord | null, more: Partial<Subject> = {}): Subject => ({
  key: 'a',
  record: record && { ...record, ...historyOf(record.track) },
  reported: -1,
  pin: -1,
  leased: -1,
  ...more,
});

export async function one(
  who: Subject,
  { model = fakeModel() as Judging, lines = LINES, now = NOW, ms = 0 } = {},
) {
  const { verdicts, held } = await judge(model, [who], lines, { s: now, ms });
  const [verdict] = verdicts;
  assert.ok(verdict);
  return { ...verdict, lease: verdict.lease as Lease, write: held[0] };
}
