/** The application for tests of its routes: windows in memory, and a model that is only a function. */
import type { FastifyInstance } from 'fastify';
import { makeApp } from '../../scorer/app.ts';
import { Metrics } from '../../scorer/metrics.ts';
import type { Model } from '../../scorer/model.ts';
import { Service } from '../../scorer/service.ts';
import { MemoryStore } from '../../scorer/store/memory.ts';
import { fakeModel } from './models.ts';

export const SECRET = 'a'.repeat(64);

/** Tiers fast, standard, slow; it trusts proxies in 10.0.0.0/8. */
export async function fakeApp(): Promise<FastifyInstance> {
  const hysteresis = { margin: 0.05, holds: [120, 600], repeat: 0, clean: 0 };
  const memory = new MemoryStore({ holding: hysteresis, clients: 1000 });
  const metrics = new Metrics();
  const model: Model = {
    ...fakeModel(),
    version: 'abc',
    backend: 'wasm',
    nativeFailure: 'no libtensorflow.so.2',
    compiled: true,
    manifest: {} as Model['manifest'],
    close: () => undefined,
  };
  const service = new Service({
    store: memory,
    memory,
    metrics,
    model: () => model,
    tiers: ['fast', 'standard', 'slow'],
    defaultTier: 'standard',
    hysteresis,
    log: { warn: () => undefined },
  });
  return makeApp({
    service,
    metrics,
    secret: SECRET,
    hosts: ['scorer'],
    trustedProxies: ['10.0.0.0/8'],
    refusal: () => undefined,
  });
}
