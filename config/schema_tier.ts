/** The schema of a tier: its name, its backends in one of two forms, what one client may have of it. */
import Type, { type Static } from 'typebox';
import { limitSchema } from './schema_limit.ts';
import { backendAddress, poolSchema } from './schema_pool.ts';
import { closed } from './schema_values.ts';

export const tierSchema = Type.Object(
  {
    name: Type.String({
      format: 'tier_name',
      title: 'a tier name (a small letter, then small letters, digits, - or _; at most 32)',
      examples: ['fast'],
      description: 'The name in X-Tier, in logs and in verdicts.',
    }),
    backends: Type.Optional(
      Type.Array(backendAddress, {
        minItems: 1,
        title: 'a list of backends',
        examples: [['127.0.0.1:8081']],
        description: 'The servers that answer for this tier; requests are spread over them.',
        // The tier's name follows: SCOREGATE_TIERS_FAST.
        variable: 'SCOREGATE_TIERS_',
      }),
    ),
    pool: Type.Optional(poolSchema),
    limit: Type.Optional(limitSchema),
    tls_name: Type.Optional(
      Type.String({
        format: 'host_name',
        title: 'a host name',
        examples: ['app.example.org'],
        description:
          'The name in the certificates of https:// backends, when it is not that of their address.',
      }),
    ),
  },
  { ...closed, title: 'a tier', examples: [{ name: 'fast', backends: ['127.0.0.1:8081'] }] },
);

export type Tier = Static<typeof tierSchema>;

/** The tiers of the demo. */
export const demoTiers = [
  { name: 'fast', backends: ['127.0.0.1:8081'] },
  { name: 'standard', backends: ['127.0.0.1:8082'] },
  { name: 'slow', backends: ['127.0.0.1:8083'] },
];
