/** /health, and /control: what makes a node look ill, slow or broken. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { DemoError } from './errors.ts';
import type { Guard } from './guard.ts';
import { refuseOthers } from './methods.ts';
import { isAside, NORMAL, type NodeState } from './state.ts';

export const MOST_DELAY_MS = 10_000;
const MOST_BYTES = 4096;

const behaviourSchema = Type.Object(
  {
    health: Type.Optional(Type.Union([Type.Literal('ok'), Type.Literal('failing')])),
    delay_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: MOST_DELAY_MS })),
    status: Type.Optional(Type.Union([Type.Integer({ minimum: 400, maximum: 599 }), Type.Null()])),
  },
  { additionalProperties: false },
);
const RIGHT = `{"health": "ok" or "failing", "delay_ms": 0 to ${MOST_DELAY_MS}, "status": 400 to 599 or null}; what is left out is normal`;

export function healthRoute(app: FastifyInstance, state: NodeState): void {
  app.get('/health', () => {
    if (state.stopping) {
      throw new DemoError('STOPPING', { message: 'this node is stopping', right: 'another node' });
    }
    if (state.behaviour.health === 'failing') {
      const right = 'DELETE /control makes it healthy again';
      throw new DemoError('UNHEALTHY', { message: 'this node was told to fail its health checks', right });
    }
    const { name, since, requests, inFlight } = state;
    return { served_by: name, status: 'ok', since, requests, in_flight: inFlight };
  });
  refuseOthers(app, '/health');
}

/** GET shows how the node was told to behave, PUT tells it, DELETE makes it normal again. */
export async function controlRoutes(app: FastifyInstance, state: NodeState, guard: Guard): Promise<void> {
  await app.register(async (closed) => {
    closed.addHook('onRequest', async (request) => guard.requireDirect(request));
    // JSON, whatever it is called: curl -d says that it is a form.
    closed.removeAllContentTypeParsers();
    closed.addContentTypeParser('*', { parseAs: 'string', bodyLimit: MOST_BYTES }, (_request, body, done) => {
      try {
        done(null, JSON.parse(String(body)));
      } catch (error) {
        const message = `the body is not JSON: ${(error as Error).message}`;
        done(new DemoError('INVALID_CONTROL', { message, right: RIGHT }));
      }
    });
    const typed = closed.withTypeProvider<TypeBoxTypeProvider>();
    const answer = (): object => ({ served_by: state.name, ...state.behaviour });
    typed.get('/control', answer);
    typed.put('/control', { schema: { body: behaviourSchema }, attachValidation: true }, (request) => {
      if (request.validationError) {
        const [first] = request.validationError.validation;
        const key =
          (first?.instancePath ?? '').slice(1) || String(first?.params['additionalProperty'] ?? 'body');
        const message = `${key}: ${first?.message ?? 'is wrong'}`;
        throw new DemoError('INVALID_CONTROL', { message, right: RIGHT, field: key });
      }
      state.behaviour = { ...NORMAL, ...request.body };
      return answer();
    });
    typed.delete('/control', () => {
      state.behaviour = NORMAL;
      return answer();
    });
    refuseOthers(closed, '/control', ['GET', 'PUT', 'DELETE']);
  });
}

/** Makes the request suffer what the node was told. @throws DemoError with the status that it was told */
export async function suffer(request: FastifyRequest, { behaviour }: NodeState): Promise<void> {
  if (isAside(request.url)) return;
  if (behaviour.delay_ms > 0) await sleep(behaviour.delay_ms);
  if (behaviour.status === null) return;
  throw new DemoError('TOLD_TO_FAIL', {
    message: `this node was told to answer ${behaviour.status}`,
    right: 'DELETE /control makes it normal again',
    status: behaviour.status,
  });
}
