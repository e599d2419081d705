/** The demo application for a test: a node named fast that does not listen, and what it answers. */
import type { FastifyInstance } from 'fastify';
import { join } from 'node:path';
import { root } from '../../config/paths.ts';
import { backend, type BackendOptions } from '../../backends/app.ts';
import { readRates } from '../../backends/rates.ts';

export const ratesFile = join(root, 'backends/rates.json');

export function site(options: Partial<BackendOptions> = {}): Promise<FastifyInstance> {
  const rates = readRates(ratesFile);
  return backend({
    name: 'fast',
    rates,
    secret: null,
    everyPath: false,
    log: () => undefined,
    ...options,
  });
}

export interface ErrorBody {
  served_by: string;
  error: { code: string; message: string; right: string; field?: string };
}
