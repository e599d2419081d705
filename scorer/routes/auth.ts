/**
 * /auth: the verdict for another proxy's forward-auth (nginx auth_request, Traefik ForwardAuth, Caddy forward_auth,
 * Envoy ext_authz). Counts one hit, and answers 200 with X-Tier and X-Score: the proxy decides what to do with them.
 *
 * Such a request carries its user's headers, Origin and (Caddy, Envoy) Host among them, so they cannot tell a web page
 * here. A page cannot add X-Forwarded-For to a request to another site without asking first (CORS), which is never
 * granted; so a trusted peer that names a client is a proxy.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import type { Context } from '../app.ts';
import { RequestError } from '../errors.ts';
import { clientKey } from '../key.ts';
import { observe } from '../observations.ts';
import { clientOf } from '../peer.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
/** A request target of more than this is cut: only its path counts. */
const MOST = 8192;

export function authRoutes(app: FastifyInstance, { guard, singles, trusted }: Context): void {
  // Envoy sends the user's method and content type, without the body.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    payload.on('end', () => done(null));
  });
  // Envoy's path_prefix puts the user's path behind ours.
  for (const url of ['/auth', '/auth/*'])
    app.route({
      method: [...METHODS],
      url,
      onRequest: async (request) => {
        const { headers } = request;
        if (headers['x-forwarded-for'] === undefined && headers['x-real-ip'] === undefined)
          guard.refuseBrowsers(request);
        guard.requireSecret(request);
      },
      handler: async (request, reply) => {
        const key = client(request, trusted);
        const verdict = await singles.count(key, observe(original(request)));
        return reply.header('x-score', String(verdict.score)).header('x-tier', verdict.tier).send();
      },
    });
}

const one = (headers: IncomingHttpHeaders, ...names: string[]): string | undefined => {
  for (const name of names) {
    const value = headers[name];
    const text = Array.isArray(value) ? value.join(', ') : value;
    if (text !== undefined && text !== '') return text;
  }
  return undefined;
};

function client({ headers, raw }: FastifyRequest, trusted: (address: string) => boolean): string {
  const peer = raw.socket.remoteAddress ?? '';
  if (!trusted(peer)) {
    throw new RequestError('UNTRUSTED_PROXY', `${peer} is not a trusted proxy: add it to trusted_proxies`);
  }
  const chain = one(headers, 'x-forwarded-for', 'x-real-ip');
  if (chain === undefined) {
    throw new RequestError(
      'NO_CLIENT',
      'the proxy names no client: have it send X-Forwarded-For',
      'X-Forwarded-For',
    );
  }
  const address = clientOf(chain, trusted);
  const key = address === null ? null : clientKey(address);
  if (key === null)
    throw new RequestError('INVALID_ADDRESS', `"${chain}" names no client`, 'X-Forwarded-For');
  return key;
}

/** /auth/a/b?c → /a/b?c */
const own = (url: string): string => (url.startsWith('/auth/') ? url.slice(5) : url);

/** The user's request, as the proxies say it; what they do not say is that of this request. */
function original({ method, url, headers }: FastifyRequest): Parameters<typeof observe>[0] {
  return {
    method: one(headers, 'x-forwarded-method', 'x-original-method') ?? method,
    target: (one(headers, 'x-forwarded-uri', 'x-original-uri', 'x-original-url') ?? own(url)).slice(0, MOST),
    referer: headers.referer,
    userAgent: headers['user-agent'],
  };
}
