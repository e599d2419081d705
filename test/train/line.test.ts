import assert from 'node:assert/strict';
import test from 'node:test';
import { parseLine, parseTime, type LogRow } from '../../train/line.ts';
import { unseen } from '../../train/unseen.ts';
import { COMBINED, COMMON } from './lines.ts';

test('a line of the combined format gives every field', () => {
  assert.deepEqual(parseLine(COMBINED), {
    time: Date.UTC(2019, 9, 18, 12, 23, 2) / 1000,
    duration: 0,
    client: '192.0.2.7',
    method: 'GET',
    target: '/a.css?v=1',
    protocol: 'HTTP/1.1',
    status: 200,
    bytes: 1457,
    referer: 'http://example.org/',
    userAgent: 'Mozilla/5.0',
  });
});

test('a line of the common format has no referer and no agent, and a size of - is 0', () => {
  const row = parseLine(COMMON);
  assert.equal(row?.client, '2001:db8::1');
  assert.equal(row.time, Date.UTC(2000, 9, 10, 20, 55, 36) / 1000);
  assert.deepEqual([row.status, row.bytes, row.referer, row.userAgent], [304, 0, '', '']);
});

test('time zones with half hours, and days that do not exist, are told apart', () => {
  assert.equal(parseTime('01/Jan/2024:00:00:00 +0530'), Date.UTC(2023, 11, 31, 18, 30) / 1000);
  assert.equal(parseTime('29/Feb/2024:23:59:59 -0330'), Date.UTC(2024, 2, 1, 3, 29, 59) / 1000);
  for (const bad of [
    '29/Feb/2023:00:00:00 +0000',
    '01/Foo/2024:00:00:00 +0000',
    '01/Jan/2024:24:00:00 +0000',
  ])
    assert.ok(Number.isNaN(parseTime(bad)), bad);
});

test('escaped quotes, backslashes and bytes are undone, and what they spell is read as UTF-8', () => {
  const row = parseLine(
    '192.0.2.7 - - [18/Oct/2019:14:23:02 +0200] "GET /\\"a\\x22/\\x5Cthink/\\xE2\\x80\\x93 HTTP/1.1" 404 5 ' +
      '"http://e/?q=\\"x\\"" "\\x22QQ\\xe6\\xb5\\x8f\\" \\\\o/"',
  );
  assert.equal(row?.target, '/"a"/\\think/–');
  assert.equal(row.referer, 'http://e/?q="x"');
  assert.equal(row.userAgent, '"QQ浏" \\o/');
});

test('bytes that are logged raw are read as UTF-8, and an unescaped backslash stays', () => {
  const raw = Buffer.from(COMBINED.replace('/a.css', '/ä\\boot.ini')).toString('latin1');
  assert.equal(parseLine(raw)?.target, '/ä\\boot.ini?v=1');
});

test('a request line that is not HTTP has no method, and blanks inside a target stay', () => {
  const line = (request: string): LogRow | null =>
    parseLine(COMBINED.replace('GET /a.css?v=1 HTTP/1.1', request));
  assert.deepEqual([line('\\x16\\x03\\x01')?.method, line('\\x16\\x03\\x01')?.target], ['', '\x16\x03\x01']);
  assert.deepEqual([line('-')?.method, line('-')?.target], ['', '']);
  assert.deepEqual([line('GET /')?.target, line('GET /')?.protocol], ['/', '']);
  assert.equal(line('GET /a b c HTTP/1.1')?.target, '/a b c');
});

test('fields behind the agent do not matter, but an agent that lacks its quote does', () => {
  assert.equal(parseLine(`${COMBINED} "203.0.113.1" 0.123`)?.userAgent, 'Mozilla/5.0');
  assert.equal(parseLine(COMBINED.slice(0, -1)), null);
});

test('a virtual host before the client is passed over, with a port, with quotes, as an address, or empty', () => {
  for (const host of ['example.org:80', '"example.org"', '198.51.100.1:443', '[2001:db8::1]:80', '-', '""']) {
    const row = parseLine(`${host} ${COMBINED}`);
    assert.equal(row?.client, '192.0.2.7', host);
    assert.deepEqual(row, parseLine(COMBINED));
    assert.equal(parseLine(`${host} ${COMMON}`)?.client, '2001:db8::1', host);
  }
});

test('an identity or a user with blanks and brackets is not taken for the client', () => {
  const row = parseLine(COMMON.replace('- frank', 'ident-1 a [b] c'));
  assert.equal(row?.client, '2001:db8::1');
  assert.equal(
    parseLine('host.example.org - - ' + COMMON.slice(COMMON.indexOf('[')))?.client,
    'host.example.org',
  );
});

const JSON_LINE = {
  time: '2026-11-21T06:02:23+00:00',
  timestamp: 1795240943.494,
  request_id: '3f64df2e-412-7',
  client: '192.0.2.7',
  method: 'POST',
  uri: '//xmlrpc.php?a="ä"',
  protocol: 'HTTP/1.1',
  status: 404,
  bytes: 4154,
  duration_s: 1.25,
  tier: 'standard',
  score: null,
  origin: 'held',
  referer: '',
  user_agent: 'Mozilla/5.0 …',
};
const jsonLine = (changed: object): string =>
  Buffer.from(JSON.stringify({ ...JSON_LINE, ...changed })).toString('latin1');

test("a line of the gateway's own log says when the request arrived, to the millisecond", () => {
  assert.deepEqual(parseLine(jsonLine({})), {
    time: 1795240942.244,
    duration: 1.25,
    client: '192.0.2.7',
    method: 'POST',
    target: '//xmlrpc.php?a="ä"',
    protocol: 'HTTP/1.1',
    status: 404,
    bytes: 4154,
    referer: '',
    userAgent: 'Mozilla/5.0 …',
  });
});

test("a JSON line that is cut, or is not the gateway's, does not fit", () => {
  assert.equal(parseLine(jsonLine({}).slice(0, -1)), null);
  for (const field of ['timestamp', 'client', 'status', 'bytes'])
    assert.equal(parseLine(jsonLine({ [field]: undefined })), null, field);
  assert.equal(parseLine(jsonLine({ status: '404' })), null);
  for (const [field, value] of [
    ['timestamp', '1e309'],
    ['timestamp', '1e15'],
    ['duration_s', '1e309'],
    ['duration_s', '1e12'],
    ['bytes', '1e308'],
    ['status', '200.5'],
    ['status', '2000'],
  ] as const) {
    const line = jsonLine({ [field]: 1 }).replace(`"${field}":1`, `"${field}":${value}`);
    assert.ok(line.includes(value));
    assert.equal(parseLine(line), null, `${field} ${value}`);
  }
});

test('a size, a status or a time that is none makes a line unfit', () => {
  for (const [had, has] of [
    ['1457', '14e7'],
    ['1457', '-1'],
    [' 200 ', ' 2000 '],
    [' 200 ', ' 20x '],
    ['14:23:02', '14:2a:02'],
    ['14:23:02', '24:23:02'],
    ['14:23:02', '14.23.02'],
    ['18/Oct', '32/Oct'],
  ] as const)
    assert.equal(parseLine(COMBINED.replace(had, has)), null, has);
});

test('what nginx answers before there is a request is told apart, and why', () => {
  const why = (request: string, status: number): string | null =>
    unseen(
      parseLine(
        COMBINED.replace('GET /a.css?v=1 HTTP/1.1', request).replace(' 200 ', ` ${status} `),
      ) as LogRow,
    );
  assert.equal(why('-', 408), 'no request line');
  assert.equal(why('-', 400), 'no request line');
  assert.equal(why('\\x16\\x03\\x01', 400), 'not an HTTP request');
  assert.equal(why('get / HTTP/1.1', 400), 'not an HTTP request');
  assert.equal(why('GET / HTTP/1.1', 408), 'answered 408 before a request was read');
  assert.equal(why('GET / HTTP/1.1', 400), null); // an application's own 400 counts
  assert.equal(why('GET / HTTP/1.1', 404), null);
  for (const origin of ['', 'denied', 'redirected']) {
    const reason = unseen(parseLine(jsonLine({ origin })) as LogRow);
    assert.equal(reason, 'not counted by the gateway (refused, denied or redirected)');
  }
  assert.equal(unseen(parseLine(jsonLine({})) as LogRow), null);
});
