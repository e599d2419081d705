/** A small site of pages with links and assets, for browsers that are let loose on it. */
import { createServer, type Server } from 'node:http';

const ASSETS = ['style.css', 'app.js', 'logo.png', 'photo1.jpg', 'photo2.jpg', 'icons.svg'];
const TYPES: Record<string, string> = { css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' };
/** One pixel. */
const GIF = Buffer.from('R0lGODlhAQABAAAAACwAAAAAAQABAAA=', 'base64');

/** A page that loads its assets and, read for a while, follows a link to the next one: as somebody would who reads. */
function page(number: number, secondsToRead: number): string {
  const pictures = ASSETS.slice(2).map((name) => `<img src="/static/${name}">`);
  const more = Array.from({ length: 3 }, (_, i) => `<img src="/static/page${number}-${i}.png">`);
  return `<!doctype html><title>Page ${number}</title><link rel="stylesheet" href="/static/style.css">
<script src="/static/app.js"></script>${[...pictures, ...more].join('')}
<a id="next" href="/page/${number + 1}">next</a>
<script>setTimeout(() => document.getElementById('next').click(), ${1000 * secondsToRead})</script>`;
}

/** Listens on loopback; every page is read for so many seconds. */
export function site(port: number, secondsToRead: number): Promise<Server> {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').replace(/[?#].*/, '');
    const number = /^\/(?:page\/(\d+))?$/.exec(path);
    if (number) {
      response.setHeader('Content-Type', 'text/html');
      return void response.end(page(Number(number[1] ?? 0), secondsToRead));
    }
    if (!path.startsWith('/static/')) return void response.writeHead(404).end();
    // Asked for again each time, and not modified then: what a warm cache looks like in a log.
    const headers = { ETag: '"1"', 'Cache-Control': 'no-cache' };
    if (request.headers['if-none-match'] === '"1"') return void response.writeHead(304, headers).end();
    const type = TYPES[path.slice(path.lastIndexOf('.') + 1)] ?? 'image/gif';
    response.writeHead(200, { ...headers, 'Content-Type': type });
    response.end(type === 'image/gif' ? GIF : '');
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}
