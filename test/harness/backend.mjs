// A backend as a process of its own, so that a test can kill and stop it: `node backend.mjs PORT`. It answers every
// path, and is told by PUT /control what it is like: {"delay_ms", "status", "health"}; what is left out is normal. Plain
// sockets, because node:http would take a third of a core for 2,000 requests a second, and the demo application more.
import { createServer } from 'node:net';

const port = Number(process.argv[2]);
/** @type {{ delay_ms?: number, status?: number, health?: number }} */
let told = {};

/** @param {string} url @param {string} method @param {string} body @returns {{ status: number, ms: number }} */
function outcome(url, method, body) {
  if (url === '/control' && method === 'PUT') told = JSON.parse(body);
  if (url === '/control') return { status: 200, ms: 0 };
  const { delay_ms = 0, status = 200, health = 200 } = told;
  return url === '/health' ? { status: health, ms: 0 } : { status, ms: delay_ms };
}

createServer((socket) => {
  let data = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (part) => {
    data += part.toString('latin1');
    const end = data.indexOf('\r\n\r\n') + 4;
    if (end < 4) return;
    const head = data.slice(0, end);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    if (data.length < end + length) return;
    const [method = '', url = ''] = head.split(' ', 2);
    const { status, ms } = outcome(url, method, data.slice(end, end + length));
    data = data.slice(end + length);
    const text = `${port} ${url}\n`;
    const answer = `HTTP/1.1 ${status} -\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
    const last = /\r\nconnection: *close/i.test(head);
    const send = () => (last ? socket.end(answer) : socket.write(answer));
    if (ms > 0) setTimeout(send, ms);
    else send();
  });
}).listen(port, '127.0.0.1');
