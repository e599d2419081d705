/** GET /health, /model and /metrics: how the scorer is. */
import type { FastifyInstance } from 'fastify';
import type { Context } from '../app.ts';

export function healthRoutes(app: FastifyInstance, { service, metrics, refusal, state }: Context): void {
  const started = performance.now();

  app.get('/health', async (_, reply) => {
    const { model } = service;
    const { reason, waiting } = service.outage();
    const refused = refusal();
    const reasons: string[] = [];
    if (reason !== undefined)
      reasons.push(`Redis is down (${reason}): counting in memory, ${waiting} reports kept`);
    if (refused !== undefined) reasons.push(`the model in the folder was refused: ${refused}`);
    if (state.stopping) reasons.push('stopping');
    const status = state.stopping ? 'unready' : reasons.length > 0 ? 'degraded' : 'ok';
    return reply.code(status === 'unready' ? 503 : 200).send({
      status,
      reasons,
      tensorflow: model.backend,
      ...(model.nativeFailure === undefined ? {} : { native_failure: model.nativeFailure }),
      store: service.storeInUse(),
      model: model.version,
      compiled: model.compiled,
      generation: service.generation,
      gateways: service.gateways,
      uptime_s: Math.round((performance.now() - started) / 1000),
    });
  });

  app.get('/model', async () => {
    const { version, features, thresholds, backend, compiled, uncompiled, monotone, manifest } =
      service.model;
    const why = uncompiled === undefined ? {} : { uncompiled };
    return { version, features, thresholds, backend, compiled, ...why, monotone, manifest };
  });

  app.get('/metrics', async (_, reply) => {
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
}
