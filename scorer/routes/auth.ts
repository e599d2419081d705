/**
 * /auth: the verdict for another proxy's forward-auth (nginx auth_request, Traefik ForwardAuth, Caddy forward_auth,
 * Envoy ext_authz). Counts one hit, and answers 200 with X-Tier and X-Score: the proxy decides what to do with them.
 *
 * Such a request carries its user's headers, Origin and (Caddy, Envoy) Host among them, so they cannot tell a web page
 * here. A page cannot add X-Forwarded-For to a request to another site without asking first (CORS), which is never
 * granted; so a trusted peer that names a client is a proxy. Which headers to believe is said in original.ts.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Context } from '../app.ts';
import { observe } from '../observations.ts';
import { BEHIND, clientIn, familyIn, requestIn, type Family } from '../original.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

export function authRoutes(app: FastifyInstance, { guard, singles, trusted }: Context): void {
  // Envoy sends the user's method and content type, without the body.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume();
    payload.on('end', () => done(null));
  });
  const route = (url: string, familyOf: (request: FastifyRequest) => Family): void => {
    app.route({
      method: [...METHODS],
      url,
      onRequest: async (request) => {
        if (request.headers[familyOf(request).client.toLowerCase()] === undefined)
          guard.refuseBrowsers(request);
        guard.requireSecret(request);
      },
      handler: async (request, reply) => {
        const family = familyOf(request);
        const key = clientIn(request, family, trusted);
        const verdict = await singles.count(key, observe(requestIn(request, family)));
        return reply.header('x-score', String(verdict.score)).header('x-tier', verdict.tier).send();
      },
    });
  };
  route('/auth', ({ query }) => familyIn(query as Record<string, unknown>));
  // The user's path, with its query, stands behind ours: nothing in it is for us.
  route('/auth/*', () => BEHIND);
}
