import assert from 'node:assert/strict';
import { copyFileSync, readFileSync } from 'node:fs';
import { connect as connect2 } from 'node:http2';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Certificates } from '../harness/certificates.ts';
import { startGateway, type Gateway } from '../harness/gateway.ts';
import { Origin } from '../harness/origin.ts';

const PORT = 16940;
const TLS = PORT + 5;
const origin = new Origin(PORT + 15);
const tiers = ['fast', 'standard', 'slow'].map((name) => ({ name, backends: [`127.0.0.1:${origin.port}`] }));
const made = new Certificates();
const first = made.make('first', ['DNS:one.example', 'DNS:www.one.example']);
const second = made.make('second', ['DNS:*.two.example', 'IP:127.0.0.1']);
const tls = { port: TLS, certificates: [first, second], redirect: false };
const scorer = { listen: `127.0.0.1:${PORT + 2}`, wait_ms: 1000, timeout_ms: 3000 };
const ca = [first, second].map(({ certificate }) => readFileSync(certificate));

let gateway: Gateway;
before(async () => {
  origin.on('/', ({ headers }) => ({ body: JSON.stringify(headers) }));
  await origin.start();
  gateway = await startGateway({ port: PORT, config: { tiers, scorer, tls } });
});
after(async () => {
  await gateway.stop();
  await origin.stop();
  made.remove();
});

/** A TLS connection; rejects with what went wrong. */
function handshake(options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: TLS, host: '127.0.0.1', ca, ...options }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** The common name of the certificate that a name is answered with. */
async function answersFor(servername: string): Promise<string> {
  const socket = await handshake({ servername, rejectUnauthorized: false });
  const name = socket.getPeerCertificate().subject.CN;
  socket.destroy();
  return String(name);
}

function get(path: string, servername: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { Host: servername, 'X-Forwarded-For': '192.0.2.1' };
    const asked = request(
      { port: TLS, host: '127.0.0.1', path, servername, headers, ca, agent: false },
      (answer) => {
        let body = '';
        answer.on('data', (data: Buffer) => (body += data.toString()));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      },
    );
    asked.on('error', reject).end();
  });
}

test('each name is answered with the certificate that is for it, another name with the first', async () => {
  assert.equal(await answersFor('one.example'), 'first');
  assert.equal(await answersFor('www.one.example'), 'first');
  assert.equal(await answersFor('app.two.example'), 'second');
  assert.equal(await answersFor('three.example'), 'first');
});

test('a client that checks the certificate gets an answer, and the backend hears that it came over https', async () => {
  for (const name of ['one.example', 'app.two.example']) {
    const { status, body } = await get('/', name);
    const headers = JSON.parse(body) as Record<string, string>;
    assert.deepEqual([status, headers['x-forwarded-proto'], headers['host']], [200, 'https', name]);
  }
  await assert.rejects(get('/', 'three.example'), /ERR_TLS_CERT_ALTNAME_INVALID|altnames/);
});

test('TLS 1.2 and 1.3 are spoken, and nothing older', async () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await handshake({ servername: 'one.example', minVersion: version, maxVersion: version });
    assert.equal(socket.getProtocol(), version);
    socket.destroy();
  }
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await assert.rejects(handshake({ servername: 'one.example', ...old }));
});

test('HTTP/2 is spoken: many requests at once on one connection, each counted, each with an id of its own', async () => {
  const ip = '192.0.2.22';
  const session = connect2(`https://127.0.0.1:${TLS}`, { servername: 'one.example', ca });
  const statuses = await Promise.all(
    Array.from(
      { length: 60 },
      (_, i) =>
        new Promise<number>((resolve, reject) => {
          const stream = session.request({
            ':path': `/?${i}`,
            ':authority': 'one.example',
            'x-forwarded-for': ip,
          });
          stream.on('response', (headers) => resolve(Number(headers[':status'])));
          stream.on('error', reject).resume();
        }),
    ),
  );
  session.close();
  assert.deepEqual([...new Set(statuses)], [200]);
  await gateway.drained();
  assert.equal((await gateway.verdict(ip))['requests_60s'], 60);
  const lines = (await gateway.log()).filter(({ client }) => client === ip);
  assert.deepEqual([...new Set(lines.map(({ protocol }) => protocol))], ['HTTP/2.0']);
  assert.equal(new Set(lines.map((line) => line.request_id)).size, 60);
});

test('what a client of HTTP/2 says of an upgrade does not reach a backend, which would answer in the middle of the frames', async () => {
  const asked = [':method GET', ':path /', ':scheme https', ':authority one.example', 'upgrade websocket'];
  const said = await frames(asked);
  assert.match(said, /"host":"one\.example"/);
  assert.doesNotMatch(said, /websocket|"connection"/);
});

test('a request of HTTP/2 that cannot be read is a line of the log that can', async () => {
  await frames([':method GET', ':path /unread', ':scheme https', ':authority one.example', 'x a\r\nb']);
  await sleep(1200); // until it is written
  const { status } = (await gateway.log()).at(-1) ?? {};
  assert.equal(status, 0);
});

test('plain HTTP is sent on to https by 308, which is logged and no hit', async () => {
  await gateway.reconfigure({ tls: { ...tls, redirect: true }, access: { deny: ['192.0.2.66'] } });
  const ip = '192.0.2.33';
  const there = { 'X-Forwarded-For': ip, Host: 'one.example:8080' };
  // fetch() does not let a Host be chosen.
  const raw = await plain(
    `POST /form?a=b HTTP/1.1\r\n${header(there)}Content-Length: 1\r\nConnection: close\r\n\r\nx`,
  );
  assert.match(raw, /^HTTP\/1\.1 308 /);
  assert.match(raw, new RegExp(`^Location: https://one\\.example:${TLS}/form\\?a=b\r$`, 'm'));
  assert.match(
    await plain('GET / HTTP/1.0\r\n\r\n'),
    new RegExp(`^Location: https://one\\.example:${TLS}/\r$`, 'm'),
  );
  assert.match(
    await plain(`GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.66\r\nConnection: close\r\n\r\n`),
    /^HTTP\/1\.1 403 /,
  );
  assert.equal((await get('/', 'one.example')).status, 200);
  await gateway.drained();
  assert.equal((await gateway.verdict(ip))['requests_60s'], 0);
  const line = (await gateway.log()).find(({ client }) => client === ip);
  assert.deepEqual([line?.status, line?.origin, line?.tier], [308, 'redirected', '']);
});

test('where clients see another port, that is where they are sent', async () => {
  await gateway.reconfigure({ tls: { ...tls, redirect: true, public_port: 443 } });
  assert.match(
    await plain('GET /a HTTP/1.1\r\nHost: one.example\r\nConnection: close\r\n\r\n'),
    /^Location: https:\/\/one\.example\/a\r$/m,
  );
});

test('a certificate may have names as long as names can be, and many', async () => {
  const longest = `${'l'.repeat(63)}.`.repeat(3) + 'l'.repeat(53) + '.example';
  assert.equal(longest.length, 253);
  const many = Array.from({ length: 1000 }, (_, i) => `DNS:app${i}.service.example`);
  const long = made.make('long', [`DNS:${longest}`, ...many]);
  await gateway.reconfigure({ tls: { ...tls, certificates: [first, long] } });
  assert.equal(await answersFor(longest), 'long');
  assert.equal(await answersFor('app999.service.example'), 'long');
  await gateway.reconfigure({});
});

test('a reload takes a new certificate from the same file', async () => {
  const third = made.make('third', ['DNS:one.example']);
  copyFileSync(third.certificate, first.certificate);
  copyFileSync(third.key, first.key);
  assert.equal(await answersFor('one.example'), 'first');
  await gateway.reconfigure({});
  assert.equal(await answersFor('one.example'), 'third');
});

test('nginx has nothing to say against it', () => {
  assert.doesNotMatch(gateway.nginx.output + gateway.errors(), /\[(?:warn|error|crit|alert|emerg)\]/);
});

const header = (headers: Record<string, string>): string =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');

/** What comes back for `text` on the port for plain HTTP. */
function plain(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp(PORT, '127.0.0.1', () => socket.write(text));
    let answer = '';
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

/** The bytes that answer a request whose headers, "NAME VALUE", no client library would send. */
async function frames(headers: readonly string[]): Promise<string> {
  const frame = (type: number, flags: number, stream: number, content: Buffer): Buffer => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(content.length, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, content]);
  };
  const text = (part: string): Buffer => Buffer.from(`${String.fromCharCode(part.length)}${part}`, 'latin1');
  const fields = headers.flatMap((header) => [Buffer.alloc(1), ...header.split(' ').map(text)]);
  const socket = await handshake({ servername: 'one.example', ALPNProtocols: ['h2'] });
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString('latin1')));
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
  socket.write(Buffer.concat([frame(4, 0, 0, Buffer.alloc(0)), frame(1, 5, 1, Buffer.concat(fields))]));
  await sleep(500);
  socket.destroy();
  return answer;
}
