/**
 * Answers as the request itself asks, for `npm run replay` and for tests: X-Demo-Status (200 to 599), X-Demo-Bytes (how
 * long the body is) and X-Demo-Delay (ms before the answer). A real application has none of this, and nobody but this
 * machine or the holder of the secret may ask for it: guard.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { MOST_DELAY_MS } from './control.ts';
import { DemoError } from './errors.ts';
import type { Guard } from './guard.ts';

const MOST_BYTES = 10 * 1024 * 1024;
const HEADERS = ['x-demo-status', 'x-demo-bytes', 'x-demo-delay'];

/** Whether the request asks for an answer of its own making. */
export const asksForRehearsal = ({ headers }: FastifyRequest): boolean =>
  HEADERS.some((name) => headers[name] !== undefined);

/**
 * Answers as asked; without X-Demo-Bytes with `body`.
 *
 * @throws DemoError 403 from whom it is not obeyed, 400 for a header out of bounds
 */
export async function rehearse(
  request: FastifyRequest,
  reply: FastifyReply,
  guard: Guard,
  body: () => object,
): Promise<FastifyReply> {
  guard.requireHere(request);
  const status = bounded(request, 'X-Demo-Status', 200, 599, 200);
  const bytes = bounded(request, 'X-Demo-Bytes', 0, MOST_BYTES, -1);
  const delay = bounded(request, 'X-Demo-Delay', 0, MOST_DELAY_MS, 0);
  if (delay > 0) await sleep(delay);
  reply.code(status);
  if (status === 204 || status === 304) return reply.send();
  if (bytes >= 0) return reply.type('text/plain').send(Buffer.alloc(bytes, 'x'));
  return reply.send(body());
}

/** A header as a whole number; `otherwise` when it is missing. */
function bounded(
  { headers }: FastifyRequest,
  name: string,
  least: number,
  most: number,
  otherwise: number,
): number {
  const text = headers[name.toLowerCase()];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (typeof text === 'string' && /^\d+$/.test(text) && value >= least && value <= most) return value;
  const message = `${name}: ${JSON.stringify(text)} is not a whole number from ${least} to ${most}`;
  throw new DemoError('INVALID_REHEARSAL', { message, right: `${name}: ${Math.max(least, 0)}`, field: name });
}
