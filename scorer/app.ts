/** The scorer as a Fastify plugin: routes and who may use them. It does not listen: server.ts does. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { handleErrors } from './errors.ts';
import { makeGuard, type Guard, type GuardOptions } from './guard.ts';
import type { Metrics } from './metrics.ts';
import { trusts } from './peer.ts';
import { authRoutes } from './routes/auth.ts';
import { changesRoute } from './routes/changes.ts';
import { healthRoutes } from './routes/health.ts';
import { scoreRoutes } from './routes/score_ip.ts';
import type { Service } from './service.ts';
import { Singles } from './single.ts';

export interface AppOptions extends GuardOptions {
  service: Service;
  metrics: Metrics;
  trustedProxies: readonly string[];
  /** Why there are no verdicts, or not the ones that should be. */
  refusal: () => string | undefined;
}

/** What every route gets. */
export interface Context extends AppOptions {
  guard: Guard;
  singles: Singles;
  trusted: (address: string) => boolean;
  state: { stopping: boolean };
}

/** Options of the Fastify instance that the plugin needs: a wrong field is an error, not something to be mended. */
export const SERVER_OPTIONS = {
  bodyLimit: 2 ** 20,
  requestTimeout: 5000,
  logger: false,
  forceCloseConnections: true,
  return503OnClosing: false,
  exposeHeadRoutes: false,
  ajv: {
    customOptions: { removeAdditional: false, coerceTypes: false, useDefaults: false, allErrors: false },
  },
} satisfies FastifyServerOptions;

export async function app(fastify: FastifyInstance, options: AppOptions): Promise<void> {
  const context: Context = {
    ...options,
    guard: makeGuard(options),
    singles: new Singles(options.service),
    trusted: trusts(options.trustedProxies),
    state: { stopping: false },
  };
  fastify.removeContentTypeParser('text/plain');
  handleErrors(fastify);
  fastify.addHook('preClose', (done) => {
    context.state.stopping = true;
    done();
  });
  await fastify.register(async (closed) => {
    closed.addHook('onRequest', async (request) => context.guard.refuseBrowsers(request));
    const typed = closed.withTypeProvider<TypeBoxTypeProvider>();
    scoreRoutes(typed, context);
    changesRoute(typed, context);
    healthRoutes(closed, context);
  });
  await fastify.register(async (open) => authRoutes(open, context));
}

/** An application that is ready to listen, or to be asked by inject(). */
export async function makeApp(
  options: AppOptions,
  server: FastifyServerOptions = {},
): Promise<FastifyInstance> {
  const fastify = Fastify({ ...SERVER_OPTIONS, ...server }) as unknown as FastifyInstance;
  await app(fastify, options);
  return fastify;
}
