/** count.lua makes of any record and report what add() makes of them, and keeps it for as long as keptFor() says. */
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { BITMAPS, COUNTS } from '../../scorer/observations.ts';
import { seeded } from '../../scorer/random.ts';
import { add, encode, emptyRecord, standingOf } from '../../scorer/store/record.ts';
import { keptFor, withTier } from '../../scorer/store/standing.ts';
import type { Reported } from '../../scorer/store/store.ts';
import { HOLDING, NOBODY, batch, startStore, type Running } from './stores.ts';

const LINES = HOLDING.holds.length;
const NOTHING = Buffer.alloc(0);
const random = seeded(11);
const below = (n: number): number => Math.floor(n * random());
/** One of some, the first ones more often. */
const oneOf = <T>(...all: T[]): T => all[Math.min(below(all.length), below(all.length))] as T;

let running: Running;
before(async () => {
  running = await startStore(15115, 3);
});
after(() => running.stop());

function report(key: string, pairs: number, age: number): Reported {
  const hits = Array.from({ length: pairs }, (): [number, number] => [
    below(age),
    oneOf(1 + below(50), 1 + below(70_000), 2 ** 40),
  ]);
  const added: Record<string, number | { hi: number; lo: number }> = {};
  const names = [...COUNTS, ...BITMAPS];
  for (let n = oneOf(2, 1, 0, 30); n > 0; n--) {
    const name = names[below(names.length)] as string;
    added[name] = BITMAPS.includes(name)
      ? { hi: oneOf(0, below(2 ** 32)), lo: below(2 ** 32) }
      : oneOf(1 + below(9), below(70_000), 2 ** 40);
  }
  return { key, hits: oneOf<Reported['hits']>(hits, undefined), added };
}

const anyReport = (key: string): Reported => report(key, oneOf(1, 2, 0, 6), oneOf(2, 5, 62, 300));

/** What may lie in Redis: of any age, held or not, of other tiers, from a clock that was ahead, broken. */
function someRecord(now: number): Buffer {
  if (below(5) === 0) return oneOf(NOTHING, Buffer.from('nonsense of some length'), Buffer.from('short'));
  const lines = oneOf(LINES, LINES, LINES, 1, 4);
  let last = now + oneOf(-120, 0, -3, -400, 30, 60, 500, -100_000);
  let record: Buffer = oneOf(NOTHING, encode({ ...emptyRecord(lines), last }));
  for (let reports = oneOf(below(70), 1); reports > 0; reports--) {
    last += below(3);
    record = add(record, report('', 1, 3), lines, last, 0);
  }
  const times = Array.from({ length: lines + 1 }, () => oneOf(0, now - below(1000), now - below(9000)));
  const [returned = 0, ...since] = times;
  if (below(2) === 0)
    record = withTier(record, { key: '', tier: below(lines + 1), since, returned, found: NOBODY });
  return below(9) === 0 ? record.subarray(0, below(record.length)) : record;
}

test('any reports of clients with any records', async () => {
  const { redis, server } = running;
  const keys = Array.from({ length: 150 }, (_, i) => `192.0.2.${i}`);
  for (let round = 0; round < 20; round++) {
    const start = (await redis.look(keys)).now.s;
    const known = new Map(keys.map((key) => [key, someRecord(start)]));
    const put = server.client.pipeline();
    for (const [key, record] of known)
      if (record.length > 0) put.set(redis.key(key), record);
      else put.del(redis.key(key));
    await put.exec();
    for (let report = 0; report < 3; report++) {
      // Some clients come twice.
      const clients = Array.from({ length: 200 }, () => anyReport(keys[below(keys.length)] as string));
      const waited = oneOf(0, 0, 3, 59, 70);
      const answers = await redis.count({ ...redis.pack(batch(clients)), waited });
      const next = [0, 0, 0];
      const changed = new Map<string, Buffer>();
      for (const [i, client] of clients.entries()) {
        const had = known.get(client.key) as Buffer;
        const shard = Number(redis.key(client.key)[4]);
        const now = answers[shard]?.now.s as number;
        const record = add(had, client, LINES, now, waited);
        const at = next[shard] as number;
        next[shard] = at + 1;
        assert.deepEqual(answers[shard]?.records[at], record, `round ${round}, client ${i}`);
        known.set(client.key, record);
        if (record !== had) changed.set(client.key, record);
      }
      await kept(changed, answers[0]?.now.s as number);
    }
  }
});

async function kept(records: Map<string, Buffer>, now: number): Promise<void> {
  const { redis, server } = running;
  const ask = server.client.pipeline();
  for (const key of records.keys()) ask.getBuffer(redis.key(key)).pttl(redis.key(key));
  const told = ((await ask.exec()) ?? []).map(([, value]) => value);
  for (const [i, [key, record]] of [...records].entries()) {
    assert.deepEqual(told[2 * i], record, key);
    const most = 1000 * keptFor(standingOf(record, LINES), HOLDING, now);
    const left = told[2 * i + 1] as number;
    assert.ok(left <= most && left > most - 2000, `${key}: ${left} of ${most} ms`);
  }
}
