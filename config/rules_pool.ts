/** What must hold within a tier's pool, and between those of several tiers. */
import { backendsOf } from './pool.ts';
import { nearest, type Problem } from './problems.ts';
import type { Config, Tier } from './schema.ts';

export function poolRules({ tiers }: Config): Problem[] {
  return tiers.flatMap((tier, i) => [
    ...oneForm(tier, i),
    ...onlyBackups(tier, i),
    ...fallback(tiers, i),
    ...times(tier, i),
    ...sameStatuses(tiers, i),
    ...queue(tier, i),
    ...patience(tier, i),
  ]);
}

function oneForm({ backends, pool }: Tier, i: number): Problem[] {
  if (backends && pool) {
    const text = 'this tier has backends too, and one of them must go; write them all in pool.backends';
    return [{ path: ['tiers', i, 'pool'], text }];
  }
  if (backends || pool) return [];
  const text = `the key "backends" is missing in tiers[${i}]; right would be ["127.0.0.1:8081"], or a pool`;
  return [{ path: ['tiers', i], text }];
}

function onlyBackups(tier: Tier, i: number): Problem[] {
  const all = backendsOf(tier);
  if (all.length === 0 || !all.every(({ backup }) => backup)) return [];
  const text = 'every backend is a backup, of none; take backup: true from one of them';
  return [{ path: ['tiers', i, 'pool', 'backends'], text }];
}

function fallback(tiers: readonly Tier[], i: number): Problem[] {
  const named = tiers[i]?.pool?.fallback;
  if (named === undefined) return [];
  const others = tiers.map(({ name }) => name).filter((_, j) => j !== i);
  if (others.includes(named)) return [];
  const path = ['tiers', i, 'pool', 'fallback'];
  if (others.length === 0) return [{ path, text: 'there is no other tier that could stand in; take it out' }];
  if (named === tiers[i]?.name)
    return [{ path, text: `a tier cannot stand in for itself; use one of ${others.join(', ')}` }];
  const near = nearest(named, others);
  const fix = near ? `did you mean "${near}"?` : `use one of ${others.join(', ')}`;
  return [{ path, text: `"${named}" is not a tier; ${fix}` }];
}

function times({ pool }: Tier, i: number): Problem[] {
  const found: Problem[] = [];
  const { health, ejection } = pool ?? {};
  if (health && health.timeout_ms > health.interval_ms) {
    const text = `a check would last ${health.timeout_ms} ms and the next one begin after interval_ms: ${health.interval_ms}`;
    found.push({
      path: ['tiers', i, 'pool', 'health', 'timeout_ms'],
      text: `${text}; make it ${health.interval_ms} or less`,
    });
  }
  if (ejection && ejection.longest_s < ejection.time_s) {
    const text = `the longest time is shorter than the first one, time_s: ${ejection.time_s}; make it ${ejection.time_s} or more`;
    found.push({ path: ['tiers', i, 'pool', 'ejection', 'longest_s'], text });
  }
  return found;
}

/** nginx has one list of them for a location, and a location serves all tiers. */
function sameStatuses(tiers: readonly Tier[], i: number): Problem[] {
  const listed = (tier: Tier | undefined): string =>
    [...(tier?.pool?.retries?.statuses ?? [])].sort().join(', ');
  const first = tiers.findIndex((tier) => tier.pool?.retries !== undefined);
  if (!tiers[i]?.pool?.retries || listed(tiers[i]) === listed(tiers[first])) return [];
  const right = `[${listed(tiers[first])}]`;
  const text = `tiers that retry must name the same statuses, and those of tiers[${first}] are ${right}; write the same in both`;
  return [{ path: ['tiers', i, 'pool', 'retries', 'statuses'], text }];
}

function queue({ pool }: Tier, i: number): Problem[] {
  if (!pool?.queue || pool.backends.some(({ max_connections }) => max_connections > 0)) return [];
  const text =
    'nobody would ever wait: no backend of this pool has max_connections; add it to them, or take queue out';
  return [{ path: ['tiers', i, 'pool', 'queue'], text }];
}

function patience({ pool }: Tier, i: number): Problem[] {
  const { tries = 0, timeout_ms = 0 } = pool?.retries ?? {};
  if (tries !== 1 || timeout_ms === 0) return [];
  const text = 'tries: 1 leaves no other backend to ask then; make tries 2 or more, or take timeout_ms out';
  return [{ path: ['tiers', i, 'pool', 'retries', 'timeout_ms'], text }];
}
