/** GET /add?a=&b= and GET /subtract?a=&b= */
import type Big from 'big.js';
import type { FastifyInstance } from 'fastify';
import { readNumber, inJson } from './decimal.ts';
import { refuseOthers } from './methods.ts';

const OPERATIONS: Record<string, (a: Big, b: Big) => Big> = {
  '/add': (a, b) => a.plus(b),
  '/subtract': (a, b) => a.minus(b),
};

export function calculateRoutes(app: FastifyInstance, name: string): void {
  for (const [url, operation] of Object.entries(OPERATIONS)) {
    const example = `${url}?a=2.5&b=-1`;
    app.get<{ Querystring: Record<string, unknown> }>(url, ({ query }, reply) => {
      const a = readNumber(query['a'], { name: 'a', example });
      const b = readNumber(query['b'], { name: 'b', example });
      reply.removeHeader('Cache-Control'); // the same for the same question
      return { served_by: name, a: inJson(a), b: inJson(b), result: inJson(operation(a, b)) };
    });
    refuseOthers(app, url);
  }
}
