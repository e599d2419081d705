/** The schema of what a tier gives one client. */
import Type from 'typebox';
import { closed, whole } from './schema_values.ts';

export const limitSchema = Type.Object(
  {
    requests_per_s: Type.Optional(
      Type.Number({
        minimum: 0.01,
        maximum: 100_000,
        title: 'a number',
        examples: [5],
        description: 'Requests per second that a client may make; more get 429. Not given: as many as come.',
      }),
    ),
    burst: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        title: 'a whole number',
        examples: [10],
        description: 'Requests that may come at once after a pause; not given: those of one second.',
      }),
    ),
    connections: whole(0, 0, 65535, 'Requests of a client under way at one time; 0: as many as come.'),
  },
  { ...closed, title: 'a group of keys', examples: [{ requests_per_s: 5, connections: 10 }] },
);
