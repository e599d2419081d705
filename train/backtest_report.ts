/** Figures → text, as `npm run backtest` prints it. */
import type { LeaseCounts } from './backtest_gateway.ts';
import type { Source } from './backtest_source.ts';
import { SLACK_S } from './backtest_source.ts';
import type { Comparison } from './backtest_compare.ts';
import type { ClientTally, Tally } from './backtest_tally.ts';
import { isoTime } from './backtest_rows.ts';
import { columns } from './columns.ts';
import { reasonsText } from './logs.ts';

const TOP = 20;

const share = (n: number, of: number): string => (of === 0 ? '-' : `${((100 * n) / of).toFixed(1)} %`);

/** What was read. */
export function read({ summary, left, late }: Source): string[] {
  const lines = summary.files.map(
    ({ file, rows, unfit }) => `${file}: ${rows} lines${unfit > 0 ? `, ${unfit} that do not fit` : ''}`,
  );
  for (const { file, line, text } of summary.samples)
    lines.push(`  ${file}:${line}: ${JSON.stringify(text.slice(0, 100))}`);
  if (left.size > 0) lines.push(`left out, since no gateway would have seen them: ${reasonsText(left)}`);
  if (late > 0)
    lines.push(`${late} lines are more than ${SLACK_S} s out of order; they are taken as ${SLACK_S} s late`);
  return lines;
}

/** Per tier: clients, requests and bytes. */
function tierTable({ tiers, requests }: Tally, names: readonly string[]): string[] {
  const rows = tiers.map((of, i) => [
    names[i] as string,
    String(of.clients),
    String(of.requests),
    share(of.requests, requests),
    String(of.bytes),
  ]);
  return columns([['tier', 'clients', 'requests', '', 'bytes'], ...rows]);
}

function divertedTable(clients: readonly ClientTally[], names: readonly string[]): string[] {
  const rows = clients
    .slice(0, TOP)
    .map((c) => [
      c.key,
      String(c.requests),
      names[c.worst] as string,
      String(c.by[c.worst]),
      String(c.diverted),
      String(c.changes),
    ]);
  const head = ['client', 'requests', 'worst tier', 'requests there', 'first diverted', 'tier changes'];
  return [`${clients.length} clients diverted${clients.length > TOP ? `; the first ${TOP}` : ''}:`].concat(
    rows.length === 0 ? [] : columns([head, ...rows]),
  );
}

function leaseLines(counts: LeaseCounts, { requests, origins }: Tally): string[] {
  const per = (n: number): string => ((1000 * n) / Math.max(1, requests)).toFixed(1);
  const asked = [
    `${counts.firstSeen} first seen`,
    `${counts.usedUp} used up`,
    `${counts.ended} ended by time`,
    `${counts.early} three quarters spent`,
    `${counts.unreported} told within the second`,
  ];
  const from = Object.entries(origins).map(([origin, n]) => `${share(n, requests)} ${origin}`);
  return [
    `leases: ${per(counts.calls)} calls of the scorer and ${per(counts.verdicts)} verdicts per 1,000 requests`,
    `  verdicts: ${asked.join(', ')}`,
    `  requests by origin: ${from.join(', ')}`,
  ];
}

/** What came of one model. */
export function outcome(
  title: string,
  tally: Tally,
  counts: LeaseCounts,
  names: readonly string[],
): string[] {
  const most = tally.mostChanges();
  return [
    title,
    '',
    ...tierTable(tally, names),
    '',
    ...divertedTable(tally.diverted(), names),
    '',
    `most tier changes of one client in one day: ${most.changes}${most.key === '' ? '' : ` (${most.key})`}`,
    ...leaseLines(counts, tally),
  ];
}

/** When the log begins and ends, and how fast it went. */
export function ending({ requests, first, last, clients }: Tally, lines: number, seconds: number): string[] {
  const span =
    requests === 0 ? '' : `, ${isoTime(Math.floor(first / 1000))} to ${isoTime(Math.floor(last / 1000))}`;
  const speed = Math.round(lines / Math.max(seconds, 0.001));
  return [
    `${requests} requests of ${clients.size} clients${span}`,
    `${lines} lines in ${seconds.toFixed(1)} s: ${speed} lines/s`,
  ];
}

function matrix(title: string, values: readonly (readonly number[])[], names: readonly string[]): string[] {
  const rows = values.map((row, i) => [names[i] as string, ...row.map(String)]);
  return columns([[title, ...names.map((name) => `→ ${name}`)], ...rows]);
}

/** What the second model changes. */
export function compared(comparison: Comparison, names: readonly string[]): string[] {
  const movers = comparison.movers();
  const rows = movers
    .slice(0, TOP)
    .map(({ key, requests, moved, worst: [one, other], by }) => [
      key,
      String(requests),
      String(moved),
      by > 0 ? 'worse' : by < 0 ? 'better' : 'both ways',
      names[one] as string,
      names[other] as string,
    ]);
  const head = ['client', 'requests', 'moved', 'to', 'worst tier was', 'is'];
  return [
    ...matrix('requests', comparison.requests, names),
    '',
    ...matrix('clients by worst tier', comparison.byWorst(), names),
    '',
    `${movers.length} clients move${movers.length > TOP ? `; those that move furthest` : ''}:`,
    ...(rows.length === 0 ? [] : columns([head, ...rows])),
  ];
}
