/** The schema of what holds for single paths of the site. */
import Type from 'typebox';
import { accessListSchema } from './schema_access.ts';
import { pathCacheSchema } from './schema_cache.ts';
import { closed } from './schema_values.ts';

export const pathSchema = Type.Object(
  {
    path: Type.String({
      format: 'path',
      title: 'the beginning of a path',
      examples: ['/static/'],
      description: 'Requests whose path begins with this; where several fit, the longest one counts.',
    }),
    access: Type.Optional(accessListSchema),
    cache: Type.Optional(pathCacheSchema),
  },
  { ...closed, title: 'a path', examples: [{ path: '/static/' }] },
);

export const pathsSchema = Type.Array(pathSchema, {
  default: [],
  title: 'a list of paths',
  examples: [[{ path: '/static/' }]],
  description: 'What holds for single paths of the site.',
});
