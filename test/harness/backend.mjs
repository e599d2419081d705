// A backend as a process of its own, so that a test can kill and stop it: `node backend.mjs PORT`. It answers every
// path, does next to nothing else (the demo application would need half a core for 2,000 requests a second), and is
// told by PUT /control what it is like: {"delay_ms", "status", "health"}, what is left out is normal.
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const port = Number(process.argv[2]);
/** @type {{ delay_ms?: number, status?: number, health?: number }} */
let told = {};

const server = createServer(async (request, response) => {
  const { url, method } = request;
  if (url === '/control' && method === 'PUT') {
    let text = '';
    for await (const part of request) text += part;
    told = JSON.parse(text);
    return response.end();
  }
  const { delay_ms = 0, status = 200, health = 200 } = told;
  if (url === '/health') return response.writeHead(health).end();
  if (delay_ms > 0) await sleep(delay_ms);
  const body = `${port} ${url}\n`;
  return response.writeHead(status, { 'Content-Length': body.length }).end(body);
});
server.listen(port, '127.0.0.1');
