import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import test, { after, before } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { backend } from '../../backends/app.ts';

const app = backend({ name: 'fast' });
let url = '';
before(async () => {
  url = await app.listen({ port: 15300, host: '127.0.0.1' });
});
after(() => app.close());

test('every path and method answers 200 and says which backend served it', async () => {
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'REPORT']) {
    const response = await fetch(`${url}/any/path.php?x=1`, { method });
    assert.equal(response.status, 200, method);
    assert.equal(response.headers.get('x-served-by'), 'fast');
    const body = (await response.json()) as Record<string, unknown>;
    assert.equal(body['served_by'], 'fast');
    assert.equal(body['method'], method);
    assert.equal(body['path'], '/any/path.php');
  }
});

test('the front page is a page that names the backend', async () => {
  const response = await fetch(url);
  assert.match(response.headers.get('content-type') ?? '', /text\/html/);
  assert.match(await response.text(), /Served by fast/);
});

test('HEAD answers the headers only', async () => {
  const response = await fetch(`${url}/x`, { method: 'HEAD' });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('x-served-by'), 'fast');
  assert.equal(await response.text(), '');
});

test('a body of any content type is taken, also one that is not what it says', async () => {
  for (const type of ['application/json', 'text/xml', 'made/up', 'multipart/form-data']) {
    const response = await fetch(`${url}/post`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: '{broken',
    });
    assert.equal(response.status, 200, type);
    assert.equal(((await response.json()) as { body_bytes: number }).body_bytes, 7);
  }
});

test('X-Demo-Status and X-Demo-Bytes are obeyed', async () => {
  const headers = { 'X-Demo-Status': '404', 'X-Demo-Bytes': '5000' };
  const response = await fetch(`${url}/missing`, { headers });
  assert.equal(response.status, 404);
  assert.equal((await response.arrayBuffer()).byteLength, 5000);
});

test('a redirect, a 304 and a 204 are answered without a body where there may be none', async () => {
  for (const [status, length] of [
    ['204', 0],
    ['304', 0],
    ['302', 12],
  ] as const) {
    const headers = { 'X-Demo-Status': status, 'X-Demo-Bytes': '12' };
    const response = await fetch(`${url}/x`, { headers, redirect: 'manual' });
    assert.equal(response.status, Number(status));
    assert.equal((await response.arrayBuffer()).byteLength, length);
  }
});

test('X-Demo-Delay delays the answer', async () => {
  const started = Date.now();
  await (await fetch(url, { headers: { 'X-Demo-Delay': '150' } })).text();
  assert.ok(Date.now() - started >= 145);
});

test('demo headers out of bounds are refused', async () => {
  for (const headers of [
    { 'X-Demo-Status': '99' },
    { 'X-Demo-Status': '600' },
    { 'X-Demo-Bytes': '99999999' },
    { 'X-Demo-Bytes': '-1' },
    { 'X-Demo-Delay': '10001' },
    { 'X-Demo-Delay': 'soon' },
  ]) {
    const response = await fetch(url, { headers: headers as unknown as Record<string, string> });
    assert.equal(response.status, 400, JSON.stringify(headers));
    await response.text();
  }
});

test('targets that are no path are answered too', async () => {
  for (const path of ['//', '/%zz', '/a//b/../c', '/caf\u00e9'.replace('\u00e9', '%E9'), '*']) {
    const method = path === '*' ? 'OPTIONS' : 'GET';
    const status = await new Promise<number>((resolve, reject) => {
      const sent = request({ port: 15300, host: '127.0.0.1', path, method }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on('error', reject).end();
    });
    assert.equal(status, 200, path);
  }
});

test('the program finishes what it is answering when it is told to stop', async () => {
  const args = ['--import', 'tsx', 'backends/server.ts', '--port', '15301', '--name', 'slow'];
  const child = spawn(process.execPath, args, { stdio: 'inherit' });
  const exited = once(child, 'exit');
  for (let tries = 0; tries < 100; tries++) {
    if (
      await fetch('http://127.0.0.1:15301/health').then(
        (answer) => answer.ok,
        () => false,
      )
    )
      break;
    await sleep(50);
  }
  const pending = fetch('http://127.0.0.1:15301/', { headers: { 'X-Demo-Delay': '300' } });
  await sleep(100);
  child.kill('SIGTERM');
  assert.equal((await pending).status, 200);
  assert.deepEqual(await exited, [0, null]);
});
