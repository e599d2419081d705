/** The demo application as a Fastify instance that does not listen yet. */
import Fastify, {
  LogController,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { setTimeout as sleep } from 'node:timers/promises';

const MOST_BYTES = 10 * 1024 * 1024;
const MOST_DELAY_MS = 10_000;

export interface BackendOptions {
  /** What the backend calls itself, in X-Served-By and in its answers. */
  name: string;
  /** Log each request to standard output; default false. */
  log?: boolean;
}

/** Every path and method answers 200 with JSON that says who served it; `/` a page, `/health` its state. */
export function backend({ name, log = false }: BackendOptions): FastifyInstance {
  const app = Fastify({
    logger: log,
    // Whoever watches over it asks every few seconds: that would hide the rest.
    logController: new LogController({ disableRequestLogging: ({ url }) => url === '/health' }),
    bodyLimit: 2 * MOST_BYTES,
    // Longer than the gateway keeps an idle connection, so that it is never the backend that closes one.
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    // A target that is no valid URL (real logs have them) is answered like any other.
    frameworkErrors: (_error, request, reply) => void answer(name, request, reply),
  });
  let closing = false;
  app.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  // A kept-alive connection whose request was under way would hold the close up until its client ends it.
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (closing) reply.header('Connection', 'close');
    done();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  // One handler for whatever comes, so that also targets which no route could name (`*`, `//`) get an answer.
  app.setNotFoundHandler((request, reply) => answer(name, request, reply));
  return app;
}

/** A header as a whole number within bounds; `otherwise` when it is missing, null when it is something else. */
function bounded(
  request: FastifyRequest,
  header: string,
  least: number,
  most: number,
  otherwise: number,
): number | null {
  const text = request.headers[header];
  if (text === undefined) return otherwise;
  const value = Number(text);
  return typeof text === 'string' && /^\d+$/.test(text) && value >= least && value <= most ? value : null;
}

async function answer(name: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  reply.header('X-Served-By', name);
  const status = bounded(request, 'x-demo-status', 200, 599, 200);
  const bytes = bounded(request, 'x-demo-bytes', 0, MOST_BYTES, -1);
  const delay = bounded(request, 'x-demo-delay', 0, MOST_DELAY_MS, 0);
  if (status === null || bytes === null || delay === null) {
    const error = `X-Demo-Status is 200 to 599, X-Demo-Bytes 0 to ${MOST_BYTES}, X-Demo-Delay 0 to ${MOST_DELAY_MS}`;
    return reply.code(400).send({ served_by: name, error });
  }
  if (delay > 0) await sleep(delay);
  reply.code(status);
  if (status === 204 || status === 304) return reply.send();
  if (bytes >= 0) return reply.type('text/plain').send(Buffer.alloc(bytes, 'x'));
  const path = request.url.split('?', 1)[0] ?? '';
  if (path === '/health') return reply.send({ status: 'ok', served_by: name });
  if (path === '/' && request.method === 'GET')
    return reply.type('text/html; charset=utf-8').send(page(name));
  return reply.send({
    served_by: name,
    method: request.method,
    path,
    url: request.url,
    host: request.headers.host ?? null,
    client: request.headers['x-real-ip'] ?? null,
    forwarded_for: request.headers['x-forwarded-for'] ?? null,
    body_bytes: Buffer.isBuffer(request.body) ? request.body.length : 0,
  });
}

function page(name: string): string {
  const safe = name.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
  return `<!doctype html>
<html lang="en">
<title>Scoregate demo: ${safe}</title>
<h1>Served by ${safe}</h1>
<p>This is the demo application. Reload quickly and watch which backend answers.</p>
</html>
`;
}
