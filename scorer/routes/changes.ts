/** POST /changes: pins a client to a tier, takes a pin back, forgets a client; every gateway is told within a second. */
import { Changes } from '../schemas.ts';
import type { Context } from '../app.ts';
import type { Typed } from './score_ip.ts';

export function changesRoute(app: Typed, { service, guard }: Context): void {
  app.post('/changes', {
    schema: { body: Changes },
    onRequest: async (request) => guard.requireSecret(request),
    handler: async (request) => ({ generation: await service.change(request.body.changes) }),
  });
}
