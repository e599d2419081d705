/** POST /score_ip: a gateway's report. GET /score_ip: one client, for people. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context } from '../app.ts';
import { RequestError } from '../errors.ts';
import { explain } from '../explain.ts';
import { clientKey } from '../key.ts';
import { Answer, Look, Report } from '../schemas.ts';
import type { Seen, Service } from '../service.ts';

export type Typed = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

export function scoreRoutes(app: Typed, { service, guard, singles }: Context): void {
  app.post('/score_ip', {
    schema: { body: Report, response: { 200: Answer } },
    onRequest: async (request) => guard.requireSecret(request),
    handler: async (request) => {
      const report = request.body as Report;
      return service.report(report, report.sender.slice(0, report.sender.indexOf('/')));
    },
  });

  app.get('/score_ip', {
    schema: { querystring: Look },
    onRequest: async (request) => {
      if (((request.query as { hit?: unknown }).hit ?? '0') !== '0') guard.requireSecret(request);
    },
    handler: async (request) => {
      const { ip, hit, explain: why } = request.query;
      const key = clientKey(ip);
      if (key === null) throw new RequestError('INVALID_ADDRESS', `"${ip}" is not an address`, 'ip');
      if (hit === '1') await singles.count(key, { counts: {}, bitmaps: {} });
      return describe(service, await service.look(key), why === '1');
    },
  });
}

/** What there is to say of a client, for a person who wonders why. */
async function describe(service: Service, seen: Seen, why: boolean): Promise<object> {
  const { verdict, tier, origin, record, window, applied, scoreTier } = seen;
  const last = record?.last ?? 0;
  const { improvesMs } = verdict;
  return {
    ip: verdict.key,
    score: verdict.score,
    tier,
    origin,
    ...(origin === 'held' ? { score_tier: scoreTier } : {}),
    requests_60s: verdict.requests_60s,
    lease: verdict.lease,
    ...(improvesMs === Infinity || origin === 'pinned'
      ? {}
      : { improves_in_s: Math.ceil(improvesMs / 1000) }),
    last_report_age_s: last === 0 ? null : Math.max(0, applied.now.s - last),
    window: { hits: window.hits, counts: window.counts, distinct: window.distinct },
    ...(why ? { explain: await explain(service.model, window) } : {}),
    generation: service.generation,
    gateways: service.gateways,
    model: service.model.version,
    store: service.storeInUse(),
  };
}
