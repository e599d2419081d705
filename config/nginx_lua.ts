/** Which Lua functions run in which phase of a request. A function is called only where the configuration needs it. */
import { scores } from './mode.ts';
import { logsDetails } from './nginx_log.ts';
import { anyLive } from './pool.ts';
import type { Config } from './schema.ts';

type Phase = 'access' | 'header_filter' | 'body_filter' | 'log';

/** The module of the path: its functions are called in these phases, and when nginx and its workers start. */
export const pathModule = (config: Config): string => (scores(config) ? 'gateway' : 'plain');

const call = (module: string, call: string): string => `package.loaded["scoregate.${module}"].${call}`;

/**
 * The directives for the requests that are counted. `refused` is the variable that says that an answer is not kept, in
 * a location with a cache.
 */
export function countedPhases(config: Config, refused: string | null): string[] {
  const details = logsDetails(config);
  const bodies = config.logs.body_bytes > 0;
  const path = pathModule(config);
  const queued = config.tiers.some(({ pool }) => pool?.queue !== undefined);
  return [
    ...phase('access', [
      ...(scores(config) || queued ? [call(path, 'access()')] : []),
      ...(refused ? [call('cache', 'look()')] : []),
      ...(bodies ? [call('details', 'read()')] : []),
    ]),
    ...phase('header_filter', refused ? [call('cache', 'head()')] : []),
    ...phase('body_filter', [
      ...(refused ? [call('cache', 'body()')] : []),
      ...(bodies ? [call('details', 'body()')] : []),
    ]),
    ...phase('log', [
      ...(scores(config) || anyLive(config) ? [call(path, 'log()')] : []),
      ...(refused ? [call('cache', `learn("${refused}")`)] : []),
      ...(details ? [call('details', 'write()')] : []),
    ]),
  ];
}

/** The same for those that are only logged. */
export const loggedPhases = (config: Config): string[] =>
  phase('log', logsDetails(config) ? [call('details', 'write()')] : ['return']);

// Blocks and no require(): a file's name, and a module's, would be looked up for every request.
const phase = (name: Phase, calls: readonly string[]): string[] =>
  calls.length === 0 ? [] : [`${name}_by_lua_block { ${calls.join(' ')} }`];
