import type { FastifyInstance, InjectOptions } from 'fastify';
import type { WireVerdict } from '../../scorer/schemas.ts';
import type { Change } from '../../scorer/store/store.ts';

/** What answers may hold; each test looks at what it asked for. */
export interface Json {
  verdicts: WireVerdict[];
  changes: Change[];
  error: { code: string; field?: string; message: string };
  window: { hits: [number, number][]; counts: Record<string, number>; distinct: Record<string, number> };
  explain: { feature: string; value: number; effect: number }[];
  score: number;
  tier: string;
  origin: string;
  requests_60s: number;
  last_report_age_s: number | null;
  generation: number;
  gateways: number;
  model: string;
  version: string;
  status: string;
  tensorflow: string;
  native_failure?: string;
  store: string;
}

/** Asks an application as a program on its own machine does; `last` is the number of the last report. */
export function asking(app: FastifyInstance) {
  let seq = 0;
  async function ask(
    options: InjectOptions,
  ): Promise<{ status: number; json: Json; headers: Record<string, unknown> }> {
    const response = await app.inject({
      remoteAddress: '127.0.0.1',
      headers: { host: '127.0.0.1:5000' },
      ...options,
    });
    return {
      status: response.statusCode,
      json: (response.body === '' ? {} : response.json()) as Json,
      headers: response.headers,
    };
  }
  const post = (payload: object, more: InjectOptions = {}) =>
    ask({ method: 'POST', url: '/score_ip', payload, ...more });
  const report = (clients: object[], more: object = {}) =>
    post({ sender: 'gw/1/1', seq: ++seq, held: 0, clients, ...more });
  const get = (url: string, more: InjectOptions = {}) => ask({ method: 'GET', url, ...more });
  return { ask, post, report, get, last: () => seq };
}
