/** Reports: what is counted, answered and refused. No Redis, no TensorFlow.js. */
import assert from 'node:assert/strict';
import { ALL_SIGNS } from '../../scorer/lease.ts';
import test, { after } from 'node:test';
import { fakeApp } from './fake_app.ts';
import { asking } from './asking.ts';

const app = await fakeApp();
after(() => app.close());
const { ask, get, last, post, report } = asking(app);

test('a report counts, and is answered in its order with keys, scores, tiers and leases', async () => {
  const { status, json } = await report([
    { ip: '192.0.2.1', hits: [[0, 60]], errors_4xx: 2, paths: '8000000000000001' },
    { ip: '2001:db8:1:2:3:4:5:6', hits: [[5, 90]] },
    { ip: '::ffff:192.0.2.3' },
  ]);
  assert.equal(status, 200);
  assert.deepEqual(
    json.verdicts.map((v) => [v.ip, v.tier, v.requests_60s]),
    [
      ['192.0.2.1', 'fast', 60],
      ['2001:db8:1:2::/64', 'standard', 90],
      ['192.0.2.3', 'fast', 0],
    ],
  );
  assert.deepEqual(json.verdicts[0]?.lease, {
    hits: 21,
    errors: 22,
    signs: 22,
    harmless: ALL_SIGNS,
    ttl_ms: 60_000,
  });
  assert.equal(json.gateways, 1);
  assert.equal(json.model, 'abc');
  assert.deepEqual(json.changes, []);
});

test('a brief report is answered without what a gateway does not read', async () => {
  const client = { ip: '192.0.2.4', hits: [[0, 60]] };
  const whole = (await report([client])).json.verdicts[0];
  const { json } = await report([{ ...client, hits: [] }], { brief: true });
  assert.deepEqual(json.verdicts, [{ score: whole?.score, tier: 'fast', lease: whole?.lease }]);
  assert.equal((await report([client], { brief: 1 })).json.error.field, 'brief');
});

test('an empty report is a heartbeat', async () => {
  const { status, json } = await report([]);
  assert.equal(status, 200);
  assert.deepEqual(json.verdicts, []);
});

test('a report that comes twice is answered twice and counted once', async () => {
  const clients = [{ ip: '192.0.2.10', hits: [[0, 5]] }];
  await report(clients);
  const { json } = await report(clients, { seq: last() });
  assert.equal(json.verdicts[0]?.requests_60s, 5);
});

test('what is wrong with a report is said with a code and the field', async () => {
  const wrong: [object, string, string][] = [
    [{ sender: 'x', seq: 1, held: 0, clients: [] }, 'INVALID_BODY', 'sender'],
    [{ sender: 'a/b/c', seq: '1', held: 0, clients: [] }, 'INVALID_BODY', 'seq'],
    [{ sender: 'a/b/c', seq: 0, held: 0, clients: [] }, 'INVALID_BODY', 'seq'],
    [{ sender: 'a/b/c', seq: 1, clients: [] }, 'INVALID_BODY', 'held'],
    [{ sender: 'a/b/c', seq: 1, held: 0, clients: [], more: 1 }, 'INVALID_BODY', 'more'],
    [
      { sender: 'a/b/c', seq: 1, held: 0, clients: [{ ip: '1.2.3.4', nonsense: 1 }] },
      'INVALID_BODY',
      'clients[0].nonsense',
    ],
    [
      { sender: 'a/b/c', seq: 1, held: 0, clients: [{ ip: '1.2.3.4', hits: [[0, 0]] }] },
      'INVALID_BODY',
      'clients[0].hits[0][1]',
    ],
    [
      { sender: 'a/b/c', seq: 1, held: 0, clients: [{ ip: '1.2.3.4', tools: -1 }] },
      'INVALID_BODY',
      'clients[0].tools',
    ],
    [
      { sender: 'a/b/c', seq: 1, held: 0, clients: [{ ip: '1.2.3.4', paths: 'zz' }] },
      'INVALID_BODY',
      'clients[0].paths',
    ],
    [
      { sender: 'a/b/c', seq: 1, held: 0, clients: [{ ip: '1.2.3.4' }, { ip: '1.2.3.444' }] },
      'INVALID_ADDRESS',
      'clients[1].ip',
    ],
    [
      { sender: 'a/b/c', seq: 1, held: 0, clients: Array(513).fill({ ip: '1.2.3.4' }) },
      'INVALID_BODY',
      'clients',
    ],
  ];
  for (const [body, code, field] of wrong) {
    const { status, json } = await post(body);
    assert.deepEqual([status, json.error.code, json.error.field], [400, code, field]);
  }
});

test('an observation that the scorer does not know is refused with its name, the likely cause and the fix', async () => {
  const { status, json } = await report([{ ip: '1.2.3.4' }, { ip: '1.2.3.5', errors_499: 1 }]);
  assert.deepEqual([status, json.error.field], [400, 'clients[1].errors_499']);
  assert.match(json.error.message, /clients\[1\]\.errors_499.*different config\/observations\.json.*restart/);
  const other = await post({ sender: 'a/b/c', seq: 1, held: 0, clients: [], more: 1 });
  assert.equal(other.json.error.message, 'more: is not a known field');
});

test('what is not JSON, too large or of another type is refused', async () => {
  const headers = { host: 'localhost', 'content-type': 'application/json' };
  assert.equal((await ask({ method: 'POST', url: '/score_ip', payload: '{', headers })).status, 400);
  const large = await ask({ method: 'POST', url: '/score_ip', payload: `"${'x'.repeat(2 ** 21)}"`, headers });
  assert.deepEqual([large.status, large.json.error.code], [413, 'BODY_TOO_LARGE']);
  const text = await ask({
    method: 'POST',
    url: '/score_ip',
    payload: '{}',
    headers: { ...headers, 'content-type': 'text/plain' },
  });
  assert.deepEqual([text.status, text.json.error.code], [415, 'UNSUPPORTED_MEDIA_TYPE']);
  assert.equal((await get('/nothing')).status, 404);
});
