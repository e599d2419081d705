/** Who is denied by the access lists of a configuration. */
import { hasTls } from './nginx_tls.ts';
import type { Config } from './schema.ts';
import type { AccessList } from './schema_access.ts';

/** Where requests come in: over plain HTTP, and over TLS. Named as the keys of the configuration are. */
export const LISTENERS = ['listen', 'tls'] as const;
export type Listener = (typeof LISTENERS)[number];

/** Whether somebody may be denied by this list. */
export const denies = (access: AccessList): boolean => access.default === 'deny' || access.deny.length > 0;

/** The list of a listener; undefined where it has none, and where there is no such listener. */
export const listenerAccess = (config: Config, listener: Listener): AccessList | undefined =>
  listener === 'listen' || hasTls(config) ? config[listener].access : undefined;

/** Whether somebody may be denied by the list of the site, of a listener or of a path. */
export const deniesAnybody = (config: Config): boolean =>
  [
    config.access,
    ...LISTENERS.map((listener) => listenerAccess(config, listener)),
    ...config.paths.map(({ access }) => access),
  ].some((list) => list !== undefined && denies(list));
