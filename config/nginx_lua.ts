/** Which Lua functions run in which phase of a request. A function is called only where the configuration needs it. */
import { scores } from './mode.ts';
import type { CacheVariables } from './nginx_cache.ts';
import { logsDetails } from './nginx_log.ts';
import { anyLive } from './pool.ts';
import type { Config } from './schema.ts';

type Phase = 'access' | 'header_filter' | 'body_filter' | 'log';

/** The module of the path: its functions are called in these phases, and when nginx and its workers start. */
export const pathModule = (config: Config): string => (scores(config) ? 'gateway' : 'plain');

const call = (module: string, call: string): string => `package.loaded["scoregate.${module}"].${call}`;

const queues = ({ tiers }: Config): boolean => tiers.some(({ pool }) => pool?.queue !== undefined);
const readsBodies = ({ logs }: Config): boolean => logs.body_bytes > 0;

/** What every request meets before it is sent on; `look` comes in between. */
function accessCalls(config: Config, look: readonly string[]): string[] {
  const path = scores(config) || queues(config) ? [call(pathModule(config), 'access()')] : [];
  return [...path, ...look, ...(readsBodies(config) ? [call('details', 'read()')] : [])];
}

/** The directives for the requests that are counted; `cache` where answers may come from one. */
export function countedPhases(config: Config, cache: CacheVariables | null): string[] {
  const details = logsDetails(config);
  return [
    ...access(config, cache),
    ...phase(
      'header_filter',
      cache ? [call('cache', `head("${cache.refused}", "${cache.who}", ${cache.timed})`)] : [],
    ),
    ...phase('body_filter', readsBodies(config) ? [call('details', 'body()')] : []),
    ...phase('log', [
      ...(scores(config) || anyLive(config) ? [call(pathModule(config), 'log()')] : []),
      ...(details ? [call('details', 'write()')] : []),
    ]),
  ];
}

function access(config: Config, cache: CacheVariables | null): string[] {
  if (!cache) return phase('access', accessCalls(config, []));
  // A request that has nothing else to do in the access phase is not sent there: it would cost twice as much.
  if (accessCalls(config, []).length === 0)
    return [`set_by_lua_block $cache_skip { return ${call('cache', `skip("${cache.who}")`)} }`];
  const asked = phase('access', accessCalls(config, [call('cache', `look("${cache.who}")`)]));
  // The queue lets pass what may come from the cache.
  return queues(config) ? ['set $cached 1;', ...asked] : asked;
}

/** The same for those that are only logged. */
export const loggedPhases = (config: Config): string[] =>
  phase('log', logsDetails(config) ? [call('details', 'write()')] : ['return']);

// Blocks and no require(): a file's name, and a module's, would be looked up for every request.
const phase = (name: Phase, calls: readonly string[]): string[] =>
  calls.length === 0 ? [] : [`${name}_by_lua_block { ${calls.join(' ')} }`];
