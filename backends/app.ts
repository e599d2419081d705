/** The demo application as a Fastify instance that does not listen yet: its routes are one file each. */
import { maxHeaderSize, STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { calculateRoutes } from './calculate.ts';
import { controlRoutes, healthRoute, suffer } from './control.ts';
import { convertRoutes } from './convert.ts';
import { countBytes, echo } from './echo.ts';
import { DemoError, errorBody, fromFastify, internal, sendError } from './errors.ts';
import { makeGuard } from './guard.ts';
import type { AccessLog } from './log.ts';
import { knowAllMethods, refuseOthers } from './methods.ts';
import { pageRoutes } from './page.ts';
import type { Rates } from './rates.ts';
import { asksForRehearsal, rehearse } from './rehearse.ts';
import { isAside, newState, pathOf } from './state.ts';

export interface BackendOptions {
  /** What the backend calls itself, in X-Served-By and in its answers. */
  name: string;
  rates: Rates;
  /** What makes it obey, from another machine too; null: only this machine may tell it anything. */
  secret: string | null;
  /** Every address and method that is not its own answers 200 with what arrived, as a site where everything exists. */
  everyPath: boolean;
  log: AccessLog;
}

/** As long as Node lets a request's head be: a long number is refused as one, not as an unknown address. */
const MOST_PARAMETER = maxHeaderSize;
/** For everything but the page: what is no page loads and runs nothing. */
const POLICY = "default-src 'none'; frame-ancestors 'none'";

const notFound = (url: string): DemoError =>
  new DemoError('NOT_FOUND', {
    message: `there is no ${pathOf(url).slice(0, 200)}`,
    right: 'one of /, /add, /subtract, /convert/10, /convertepradolareuro/10, /who, /echo, /health',
  });

export async function backend(options: BackendOptions): Promise<FastifyInstance> {
  const { name, rates, everyPath, log } = options;
  const state = newState(name);
  const guard = makeGuard(options.secret);
  const app = Fastify({
    logger: false,
    // Longer than the gateway keeps an idle connection, so that it is never the backend that closes one.
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: MOST_PARAMETER },
    frameworkErrors: (error, request, reply) => void badTarget(error, request, reply),
    clientErrorHandler: (error, socket) => refuseConnection(name, error, socket),
  });
  /** A target that is no valid URL: no hook and no route sees it. */
  async function badTarget(error: FastifyError, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    reply.raw.once('close', () => log(request, reply));
    reply.header('X-Served-By', name);
    try {
      if (asksForRehearsal(request)) await rehearse(request, reply, guard, () => echo(name, request));
      else if (everyPath) reply.send(echo(name, request));
      else throw error;
    } catch (failure) {
      if (!reply.sent) sendError(name, reply, fromFastify(failure as FastifyError) ?? internal());
    }
  }
  knowAllMethods(app);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request: FastifyRequest, body: IncomingMessage) => countBytes(body));

  app.addHook('onRequest', (request, reply, done) => {
    state.inFlight++;
    if (!isAside(request.url)) state.requests++;
    // Of the response itself: Fastify's hook is not called when the client leaves before the answer.
    reply.raw.once('close', () => {
      state.inFlight--;
      // Whoever watches over a node asks every few seconds: that would hide the rest.
      if (pathOf(request.url) !== '/health') log(request, reply);
    });
    reply.headers({
      'X-Served-By': name,
      // What a node says of itself; a result may be kept.
      'Cache-Control': 'no-store',
      'Content-Security-Policy': POLICY,
      'X-Content-Type-Options': 'nosniff',
    });
    done();
  });
  app.addHook('preHandler', async (request, reply) => {
    await suffer(request, state);
    if (asksForRehearsal(request)) return rehearse(request, reply, guard, () => echo(name, request));
    if (everyPath && !['GET', 'HEAD'].includes(request.method) && !isAside(request.url)) {
      return reply.send(echo(name, request));
    }
  });
  // A kept-alive connection whose request was under way would hold the close up until its client ends it.
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (state.stopping) reply.header('Connection', 'close');
    done();
  });
  app.addHook('preClose', async () => {
    state.stopping = true;
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const known = fromFastify(error);
    if (!known) console.error(`${name}: ${error.stack ?? error.message}`);
    return sendError(name, reply, known ?? internal());
  });
  app.setNotFoundHandler((request) => {
    if (everyPath) return echo(name, request);
    throw notFound(request.url);
  });

  pageRoutes(app, state);
  calculateRoutes(app, name);
  convertRoutes(app, name, rates);
  healthRoute(app, state);
  await controlRoutes(app, state, guard);
  app.get('/who', () => ({ served_by: name, since: state.since, requests: state.requests }));
  refuseOthers(app, '/who');
  for (const url of ['/echo', '/echo/*']) app.all(url, (request) => echo(name, request));
  return app;
}

/** What is no HTTP never becomes a request; its answer has the shape of all others all the same. */
function refuseConnection(name: string, error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const status = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 }[error.code ?? ''] ?? 400;
  const body = JSON.stringify(
    errorBody(
      name,
      new DemoError('BAD_REQUEST', {
        message: `this is not a request that can be read (${error.code ?? error.message})`,
        right: 'an HTTP/1.1 request',
      }),
    ),
  );
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
