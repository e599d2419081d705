/** What is answered to a method that an address does not take. */
import { METHODS } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { DemoError } from './errors.ts';

/** Makes Fastify route every method that Node's parser knows, so that none of them looks like an unknown address. */
export function knowAllMethods(app: FastifyInstance): void {
  // CONNECT asks for a tunnel: Node hands it to nobody here and closes the connection.
  for (const method of METHODS.filter((one) => one !== 'CONNECT' && !app.supportedMethods.includes(one))) {
    app.addHttpMethod(method, { hasBody: true });
  }
}

/** Answers 405 with Allow to every method at `url` but the `allowed` ones. HEAD comes with GET. */
export function refuseOthers(app: FastifyInstance, url: string, allowed: readonly string[] = ['GET']): void {
  const all = allowed.includes('GET') ? [...allowed, 'HEAD'] : [...allowed];
  app.route({
    method: app.supportedMethods.filter((method) => !all.includes(method)),
    url,
    handler: (request, reply) => {
      void reply.header('Allow', all.join(', '));
      const message = `${request.method} is not a method of ${request.url.split('?', 1)[0]}`;
      throw new DemoError('METHOD_NOT_ALLOWED', { message, right: `one of ${all.join(', ')}` });
    },
  });
}
