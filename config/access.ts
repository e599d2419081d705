/** Who is denied by the access lists of a configuration. */
import type { Config } from './schema.ts';
import type { PathAccess } from './schema_access.ts';

/** Whether somebody may be denied by this list. */
export const denies = (access: PathAccess): boolean => access.default === 'deny' || access.deny.length > 0;

/** Whether somebody may be denied by the list of the site or of a path. */
export const deniesAnybody = ({ access, paths }: Config): boolean =>
  denies(access) || paths.some((path) => path.access !== undefined && denies(path.access));
