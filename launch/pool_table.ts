/** The pools of a running gateway as text, for `npm run pool -- list` and `npm run top`. */
import type { BackendStatus, TierStatus } from './admin.ts';

const HEADS = [
  'backend',
  'state',
  'weight',
  'now',
  'requests',
  'errors',
  'p50',
  'p95',
  'p99 (1 m)',
  'p99 (5 m)',
  'checked',
  'why',
];

/** One table for each tier. */
export function poolTables(tiers: readonly TierStatus[]): string {
  if (tiers.length === 0)
    return 'nginx itself balances every tier, and tells nothing of it: live: true in a pool changes that (docs/pools.md)';
  return tiers.map(table).join('\n\n');
}

function table(tier: TierStatus): string {
  const { retries, unserved, in_flight, requests, queued, queue_expired, why } = tier;
  const line = queued + queue_expired > 0 ? `, ${queued} queued, ${queue_expired} refused by the queue` : '';
  const figures = `${requests} requests, ${in_flight} now, ${retries} retries, ${unserved} unserved${line}`;
  const title = `tier ${tier.tier} (${tier.balance}): ${tier.state}${why === undefined ? '' : `, ${why}`}; ${figures}`;
  const rows = [HEADS, ...tier.backends.map(row)];
  const widths = HEADS.map((_, i) => Math.max(...rows.map((cells) => cells[i]?.length ?? 0)));
  const lines = rows.map((cells) =>
    `  ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd(),
  );
  return [title, ...lines].join('\n');
}

function row(backend: BackendStatus): string[] {
  const { response_ms: times, last_check: check } = backend;
  const ms = (value: number | undefined): string => (value === undefined ? '-' : `${value} ms`);
  const limit = backend.max_connections > 0 ? `/${backend.max_connections}` : '';
  return [
    backend.backend + (backend.backup ? ' (backup)' : ''),
    backend.state,
    String(backend.weight),
    `${backend.in_flight}${limit}`,
    String(backend.requests),
    String(backend.errors),
    ms(times['1m']?.p50),
    ms(times['1m']?.p95),
    ms(times['1m']?.p99),
    ms(times['5m']?.p99),
    check ? `${check.ok ? 'good' : 'bad'} ${check.ago_s.toFixed(1)} s ago` : '-',
    backend.why ?? '',
  ];
}
