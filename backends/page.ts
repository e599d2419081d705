/** The page at `/`, and its assets: files of their own, so that the browsing of a person has assets. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { refuseOthers } from './methods.ts';
import type { NodeState } from './state.ts';

/** Nothing but the page's own files runs or is loaded, and nobody frames it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const ASSETS = [
  ['/assets/demo.css', 'demo.css', 'text/css; charset=utf-8'],
  ['/assets/demo.js', 'demo.js', 'text/javascript; charset=utf-8'],
  ['/assets/icon.svg', 'icon.svg', 'image/svg+xml'],
  // Some browsers ask for it whatever the page says, and a 404 would look like a scanner's.
  ['/favicon.ico', 'icon.svg', 'image/svg+xml'],
] as const;

/** As long as the window of a verdict: who browses for longer than that has assets in every window. */
const ASSETS_FRESH_S = 60;

export function pageRoutes(app: FastifyInstance, state: NodeState): void {
  app.get('/', (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('Content-Security-Policy', POLICY).send(page(state)),
  );
  refuseOthers(app, '/');
  for (const [url, file, type] of ASSETS) {
    const body = readFileSync(join(import.meta.dirname, 'assets', file));
    const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 16)}"`;
    app.get(url, (request, reply) => {
      void reply.header('ETag', etag).header('Cache-Control', `public, max-age=${ASSETS_FRESH_S}`);
      if (request.headers['if-none-match']?.includes(etag)) return reply.code(304).send();
      return reply.type(type).send(body);
    });
    refuseOthers(app, url);
  }
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

function page({ name, since, requests }: NodeState): string {
  const safe = escaped(name);
  const started = since.toISOString();
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Served by ${safe} · Scoregate demo</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/demo.css">
<script src="/assets/demo.js" defer></script>
</head>
<body data-node="${safe}">
<main>
<h1>Served by <strong>${safe}</strong></h1>
<p>This is Scoregate's demo application, one of several running copies. This copy has answered ${requests}
${requests === 1 ? 'request' : 'requests'} since <time datetime="${started}">${started.slice(0, 19).replace('T', ' ')} UTC</time>.
Reload the page, and watch who answers.</p>

<section aria-labelledby="load">
<h2 id="load">Who answered you</h2>
<noscript><p>With JavaScript, a count of your requests by node is kept here. Without it, the heading above names the node
of each.</p></noscript>
<div id="counts" hidden>
<table>
<caption>Requests of this browser tab, by node</caption>
<thead><tr><th scope="col">Node</th><th scope="col">Requests</th><th scope="col">Share</th></tr></thead>
<tbody></tbody>
</table>
<p><button type="button" id="more">Send 20 requests</button> <button type="button" id="reset">Count anew</button></p>
<p id="said" role="status"></p>
</div>
</section>

<section aria-labelledby="try">
<h2 id="try">Something to ask for</h2>
<form action="/add"><fieldset><legend>Add</legend>
<label>First number <input name="a" value="0.1" inputmode="decimal" required></label>
<label>Second number <input name="b" value="0.2" inputmode="decimal" required></label>
<button>Add</button></fieldset></form>
<form action="/subtract"><fieldset><legend>Subtract</legend>
<label>From <input name="a" value="10" inputmode="decimal" required></label>
<label>Subtract <input name="b" value="2.5" inputmode="decimal" required></label>
<button>Subtract</button></fieldset></form>
<p>Brazilian reais to US dollars and euros: <a href="/convert/10">10</a>, <a href="/convert/1.234,56">1.234,56</a>.</p>
<p>What a backend is told of your request: <a href="/echo">/echo</a>.</p>
</section>
</main>
</body>
</html>
`;
}
