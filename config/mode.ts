/** What follows from `mode: off`, a plain load balancer: nobody is counted or scored, and the default tier serves all. */
import type { Problem } from './problems.ts';
import type { Config } from './schema.ts';

/** Whether clients are counted and scored. Where not there is no verdict, and neither scorer nor Redis is needed. */
export const scores = ({ mode }: Pick<Config, 'mode'>): boolean => mode !== 'off';

/** What `mode: off` cannot do. */
export function offRules({ access, tiers }: Config): Problem[] {
  const limited = tiers.flatMap(({ limit }, i): Problem[] => {
    const text = 'mode: off counts no clients, so none is ever beyond it; take it out, or use mode: observe';
    return limit ? [{ path: ['tiers', i, 'limit'], text }] : [];
  });
  const pinned = Object.entries(access.pin).flatMap(([tier, networks]): Problem[] => {
    const text = 'mode: off sends everybody to default_tier; take it out, or use mode: route';
    return networks.length > 0 ? [{ path: ['access', 'pin', tier], text }] : [];
  });
  return [...limited, ...pinned];
}
