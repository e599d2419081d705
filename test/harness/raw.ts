/** Requests as bytes, one behind the other on one connection, and the bytes that come back; and answers that are no HTTP. */
import { connect, createServer } from 'node:net';

/** Sends a GET for each path at once; resolves with all that is answered until the last one closes the connection. */
export function ask(port: number, paths: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (data) => (text += data.toString('latin1')));
    socket.on('error', reject).on('close', () => resolve(text));
    socket.setTimeout(10_000, () => socket.destroy(new Error(`only this is answered within 10 s:\n${text}`)));
    paths.forEach((path, i) => {
      const close = i === paths.length - 1 ? 'Connection: close\r\n' : '';
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${close}\r\n`);
    });
  });
}

/** Listens and answers like something else than an HTTP server; resolves with what ends it. */
export async function speakNoHttp(port: number): Promise<() => Promise<void>> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return () => new Promise((resolve) => server.close(() => resolve()));
}
