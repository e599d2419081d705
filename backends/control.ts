/** /health, and /control: what makes a node look ill, slow or broken. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { DemoError, shown } from './errors.ts';
import type { Guard } from './guard.ts';
import { refuseOthers } from './methods.ts';
import { isAside, NORMAL, type Behaviour, type NodeState } from './state.ts';

export const MOST_DELAY_MS = 10_000;
const MOST_BYTES = 4096;

const RIGHT = `{"health": "ok" or "failing", "delay_ms": 0 to ${MOST_DELAY_MS}, "status": 400 to 599 or null}; what is left out is normal`;

const wrong = (message: string, field?: string): DemoError =>
  new DemoError('INVALID_CONTROL', { message, right: RIGHT, ...(field === undefined ? {} : { field }) });

const isWhole = (value: unknown, least: number, most: number): value is number =>
  Number.isInteger(value) && Number(value) >= least && Number(value) <= most;

/**
 * What a node is told. Read without a library of schemas: loading one takes longer than all else of a start.
 *
 * @throws DemoError that names the key
 */
function readBehaviour(text: string): Behaviour {
  const body = parsed(text);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw wrong('the body is no object');
  const key = Object.keys(body).find((one) => !Object.hasOwn(NORMAL, one));
  if (key !== undefined) throw wrong(`${shown(key)} is unknown`, key);
  const { health, delay_ms, status }: Record<string, unknown> = { ...NORMAL, ...body };
  const refused = (field: string, value: unknown): DemoError =>
    wrong(`${field}: ${JSON.stringify(value)} is not one of its values`, field);
  if (health !== 'ok' && health !== 'failing') throw refused('health', health);
  if (!isWhole(delay_ms, 0, MOST_DELAY_MS)) throw refused('delay_ms', delay_ms);
  if (status !== null && !isWhole(status, 400, 599)) throw refused('status', status);
  return { health, delay_ms, status };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong(`the body is not JSON: ${(error as Error).message}`);
  }
}

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
    closed.addContentTypeParser('*', { parseAs: 'string', bodyLimit: MOST_BYTES }, (_request, body, done) =>
      done(null, body),
    );
    const answer = (): object => ({ served_by: state.name, ...state.behaviour });
    closed.get('/control', answer);
    closed.put('/control', ({ body }) => {
      state.behaviour = readBehaviour(String(body ?? ''));
      return answer();
    });
    closed.delete('/control', () => {
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
