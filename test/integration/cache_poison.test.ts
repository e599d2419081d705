/** What one client sends must not become what others are given: attacks on the cache, each on a target of its own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect } from 'node:net';
import test, { after } from 'node:test';
import { CachedSite } from '../harness/cached.ts';
import { Certificates } from '../harness/certificates.ts';

const PORT = 16060;
const made = new Certificates();
const certificate = made.make('site', ['DNS:site.example']);
after(() => made.remove());
const site = new CachedSite(
  PORT,
  {
    mode: 'off',
    tiers: [{ name: 'site', backends: [`127.0.0.1:${PORT + 15}`] }],
    default_tier: 'site',
    cache: { enabled: true, ttl_s: 60 },
    tls: { port: PORT + 8, certificates: [certificate], redirect: false },
  },
  { noScorer: true },
);
const { origin } = site;

/** Sends a request as it stands, less its last two line ends; resolves with the whole answer. */
async function send(method: string, path: string, lines: readonly string[], body = ''): Promise<string> {
  const socket = connect(PORT, '127.0.0.1');
  const head = [`${method} ${path} HTTP/1.1`, `Host: 127.0.0.1:${PORT}`, 'Connection: close', ...lines];
  let answer = '';
  socket.on('data', (data) => (answer += data.toString('latin1')));
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  await once(socket, 'close');
  return answer;
}

const OVERRIDES = [
  'Forwarded: host=evil.example;proto=https',
  ...['X-Original-URL', 'X-Original-URI', 'X-Original-Host', 'X-Rewrite-URL', 'X-Host', 'X-Script-Name'],
  ...['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X-ProxyContextPath', 'X-Scheme'],
  ...['X-Url-Scheme', 'Front-End-Https', 'X-Forwarded-Server', 'X-Forwarded-Path', 'X-Forwarded-Uri'],
  ...['X-Forwarded-Context', 'X-Forwarded-Protocol'],
  // These are passed on, and have entries of their own.
  ...['X-Forwarded-Scheme', 'X-Forwarded-Ssl', 'X-Forwarded-Port', 'X-Forwarded-Prefix'],
].map((header) => (header.includes(':') ? header : `${header}: evil`));
const ATTACKS: { what: string; lines: string[]; body?: string }[] = [
  { what: 'a body', lines: ['Content-Length: 4'], body: 'evil' },
  { what: 'a body of one 0', lines: ['Content-Length: 1'], body: '0' },
  { what: 'a body in chunks', lines: ['Transfer-Encoding: chunked'], body: '4\r\nevil\r\n0\r\n\r\n' },
  {
    what: 'a body too long for memory',
    lines: ['Content-Length: 300000'],
    body: 'evil'.repeat(75_000),
  },
  { what: 'a second X-Forwarded-Host', lines: ['X-Forwarded-Host:', 'X-Forwarded-Host: evil.example'] },
  ...OVERRIDES.map((line) => ({ what: line, lines: [line] })),
];

for (const [i, { what, lines, body }] of ATTACKS.entries())
  test(`nobody is given what was answered to ${what}`, async () => {
    const path = `/${i}`;
    const plain = ['host', 'connection', 'x-forwarded-for', 'x-forwarded-proto', 'x-real-ip'];
    origin.on(path, (request, sent) => {
      const more = Object.entries(request.headers).filter(([name]) => !plain.includes(name));
      return { body: `${request.method} ${JSON.stringify(Object.fromEntries(more))} ${sent.toString()}` };
    });
    assert.match(await send('GET', path, lines, body), /^HTTP\/1\.1 200/);
    const answer = await send('GET', path, []);
    assert.equal(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'GET {} ');
  });

test('nor what was answered to a body over HTTP/2, whose length nothing says', async () => {
  origin.on('/h2', (_request, sent) => ({ body: `got ${sent.toString()}` }));
  const session = connectHttp2(`https://127.0.0.1:${PORT + 8}`, {
    ca: readFileSync(certificate.certificate),
    servername: 'site.example',
  });
  const path = { [constants.HTTP2_HEADER_PATH]: '/h2', [constants.HTTP2_HEADER_AUTHORITY]: 'site.example' };
  const ask = async (body?: string): Promise<string> => {
    const stream = session.request(path, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    let answer = '';
    for await (const part of stream) answer += (part as Buffer).toString();
    return answer;
  };
  try {
    await ask('evil');
    assert.equal(await ask(), 'got ');
  } finally {
    session.close();
  }
});

test('a proxy in front may say by which port and under which prefix it was asked, and a POST which method it means', async () => {
  origin.on('/told', ({ headers }) => ({
    body: [
      headers['x-forwarded-port'],
      headers['x-forwarded-prefix'],
      headers['x-http-method-override'],
    ].join(),
  }));
  const lines = ['X-Forwarded-Port: 8443', 'X-Forwarded-Prefix: /shop', 'X-HTTP-Method-Override: DELETE'];
  assert.match(await send('GET', '/told', lines), /\r\n\r\n8443,\/shop,$/);
  assert.match(await send('POST', '/told', [...lines, 'Content-Length: 0']), /\r\n\r\n8443,\/shop,DELETE$/);
});

test('a head of any length that is kept is given again as it was', async () => {
  let kept = 0;
  // Around the most that nginx reads, and around what it has 16 bits for.
  const lengths = [60_400, 60_500, 60_600, 60_700, ...Array.from({ length: 200 }, (_, k) => 64_900 + k)];
  for (const length of lengths) {
    const path = `/head-${length}`;
    origin.on(path, { headers: { 'X-Long': 'a'.repeat(length) }, body: '' });
    const [first, second] = [await send('GET', path, []), await send('GET', path, [])];
    if (!first.startsWith('HTTP/1.1 200')) continue;
    assert.equal(second.indexOf('\r\n\r\n') + 4, second.length, `${length}`);
    if (/X-Cache: HIT/.test(second)) kept += 1;
  }
  assert.ok(kept >= 4, `${kept} kept`);
});

test('a request that is refused has nobody else go around the cache', async () => {
  const path = '/popular';
  origin.on(path, (request) =>
    request.headers['x-bad'] === undefined ? {} : { status: 400, body: 'bad request' },
  );
  const cached = (): Promise<string | null> => site.get(path).then(({ cache }) => cache);
  assert.deepEqual([await cached(), await cached()], ['MISS', 'HIT']);
  const bad = [
    ['X-Bad: 1', 'Upgrade: x'],
    ['X-Bad: 1', 'X-Forwarded-Host: zz'],
    ['X-Bad: 1', 'Content-Length: 1'],
  ];
  for (const lines of bad) {
    assert.match(await send('GET', path, lines, lines.length > 1 ? 'x' : ''), /^HTTP\/1\.1 400/);
    assert.equal(await cached(), 'HIT', lines.join());
  }
});
