/**
 * What a request's verdict is where Lua says nothing, and what the log says of it. In mode off Lua says nothing of any,
 * and so that no request pays for it, what is always the same is text.
 */
import { deniesAnybody } from './access.ts';
import { scores } from './mode.ts';
import { redirects } from './nginx_tls.ts';
import type { Config } from './schema.ts';

const constant = (variable: string, value: string): string => `map "" ${variable} {\n  default ${value};\n}`;

/**
 * Maps, and no `set` in the servers, which every request would pay for: looked at only by who asks, and where Lua has
 * written there is nothing to look at. It writes by index (lua/scoregate/variable.lua): named in the last map, which is
 * never asked, all have one.
 */
export function verdictMaps(config: Config): string {
  if (!scores(config)) return [constant('$tier', config.default_tier), constant('$origin', 'off')].join('\n');
  const of = { $tier: '""', $score: 'null', $origin: '""', $wait_ms: '0' };
  const all = Object.entries(config.mode === 'observe' ? { ...of, $tier_would: '""' } : of);
  const names = all.map(([name]) => name).join('');
  return [
    '# A request that nginx itself refuses (400) never reaches the Lua that writes its verdict.',
    ...all.map(([name, value]) => constant(name, value)),
    `map "${names}" $verdict_has_indexes {\n  default "";\n}`,
  ].join('\n');
}

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
