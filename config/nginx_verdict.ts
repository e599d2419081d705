/**
 * What a request's verdict is before Lua has said anything, and what the log says of it. Lua writes only what differs;
 * in mode off there is none, and so that no request pays for it, what is always the same is text.
 */
import { deniesAnybody } from './access.ts';
import { scores } from './mode.ts';
import { redirects } from './nginx_tls.ts';
import type { Config } from './schema.ts';

/** Lines of a public server. */
export function verdictSets(config: Config): string[] {
  if (!scores(config)) return [];
  const set = [
    `set $tier ${config.default_tier};`,
    'set $score null;',
    'set $origin leased;',
    'set $wait_ms 0;',
  ];
  return config.mode === 'observe' ? [...set, 'set $tier_would "";'] : set;
}

const constant = (variable: string, value: string): string => `map "" ${variable} {\n  default ${value};\n}`;

/** In mode off the same beside the servers: looked at only by who asks. */
export const verdictMaps = (config: Config): string =>
  scores(config) ? '' : [constant('$tier', config.default_tier), constant('$origin', 'off')].join('\n');

/** The tier that serves a request: a name where it is always the same. */
export const servingTier = ({ mode, tiers, default_tier }: Config): string =>
  mode === 'route' && tiers.length > 1 ? '$tier' : default_tier;

/** The fields of a line of the log. */
export function verdictFields(config: Config): string[] {
  // Who is denied or redirected is served by no tier.
  const same = !scores(config) && !deniesAnybody(config) && !redirects(config);
  return [
    `"tier":"${same ? config.default_tier : '$tier'}"`,
    `"score":${scores(config) ? '$score' : 'null'}`,
    `"origin":"${same ? 'off' : '$origin'}"`,
    `"wait_ms":${scores(config) ? '$wait_ms' : '0'}`,
    `"tier_would":"${config.mode === 'observe' ? '$tier_would' : ''}"`,
  ];
}
