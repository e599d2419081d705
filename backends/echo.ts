/** What arrived: method, target, and who the gateway says is asking. */
import type { FastifyRequest } from 'fastify';
import { pathOf } from './state.ts';

/** Drains a body of any type and length; its number of bytes is all that is kept. */
export async function countBytes(body: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  for await (const chunk of body) bytes += chunk.length;
  return bytes;
}

export const echo = (name: string, request: FastifyRequest): object => ({
  served_by: name,
  method: request.method,
  path: pathOf(request.url),
  url: request.url,
  host: request.headers.host ?? null,
  client: request.headers['x-real-ip'] ?? null,
  forwarded_for: request.headers['x-forwarded-for'] ?? null,
  body_bytes: typeof request.body === 'number' ? request.body : 0,
});
