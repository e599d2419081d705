/** Figures → text, as `npm run replay` prints it. */
import { columns } from './columns.ts';
import { performance } from 'node:perf_hooks';
import { iso, type Plan } from './replay_plan.ts';
import { ask, compare, type Said } from './replay_scorer.ts';
import type { ClientTally, Tally } from './replay_tally.ts';

export interface Asked {
  client: ClientTally;
  said: Said | null;
  /** Why the scorer gave no answer; null if it did. */
  problem: string | null;
  sent: number;
  agrees: boolean;
}

export function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (n: number): string => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

const total = (table: Map<string, number>): number => [...table.values()].reduce((sum, n) => sum + n, 0);
const listed = (table: Iterable<[string, number]>): string =>
  [...table]
    .sort((a, b) => b[1] - a[1])
    .map(([name, n]) => `${n} ${name}`)
    .join(', ');

/** What will be sent, before the first request is. */
export function opening(plan: Plan, speed: number): string[] {
  const { log, skipped, requests } = plan;
  const clients = new Set(requests.map((planned) => planned.key)).size;
  const lines = [
    `${log.files[0]?.file}: ${log.rows} requests` +
      (log.unfit > 0 ? `, ${log.unfit} lines do not fit the log format` : ''),
    ...log.samples.map((sample) => `  line ${sample.line}: ${JSON.stringify(sample.text.slice(0, 100))}`),
    `${iso(plan.from)} to ${iso(plan.from + plan.seconds)}: ${requests.length} requests of ${clients} clients, ` +
      `${clock(plan.seconds / speed)} at speed ${speed}`,
  ];
  const left = Object.entries(skipped);
  if (left.length > 0) lines.push(`  left out: ${listed(left)}`);
  if (speed !== 1)
    lines.push(
      `  at speed ${speed} the scorer's window of 60 s holds ${60 * speed} s of the log: ` +
        'scores and tiers are not those that the log would have had',
    );
  return lines;
}

export function progress(plan: Plan, tally: Tally, elapsed: number, speed: number): string {
  const tiers = [...tally.tiers].map(([tier, of]) => `${tier} ${of.requests}`).sort();
  const parts = [`${tally.done}/${plan.requests.length} requests`, ...tiers, `failed ${total(tally.failed)}`];
  return `${clock(elapsed)} of ${clock(plan.seconds / speed)}: ${parts.join(', ')}`;
}

/** Asks the scorer about each client, one after the other. */
export async function askAll(scorer: URL, clients: readonly ClientTally[]): Promise<Asked[]> {
  const asked: Asked[] = [];
  for (const client of clients) {
    try {
      const said = await ask(scorer, client.key);
      if (said.requests60s === null) throw new Error('an answer without requests_60s');
      const compared = compare(client.due, performance.now(), said.requests60s);
      asked.push({ client, said, problem: null, ...compared });
    } catch (error) {
      asked.push({ client, said: null, problem: (error as Error).message, sent: 0, agrees: false });
    }
  }
  return asked;
}

function clientRow({ client, said, problem, sent, agrees }: Asked): string[] {
  const diverted = client.diverted === null ? '-' : `${client.diverted.request} (${client.diverted.tier})`;
  const start = [client.key, String(client.requests)];
  if (said === null) return [...start, '?', '?', diverted, '?', '?', problem ?? ''];
  return [
    ...start,
    said.score?.toFixed(3) ?? '-',
    said.tier ?? '-',
    diverted,
    String(said.requests60s),
    String(sent),
    agrees ? 'yes' : 'NO',
  ];
}

/** @param order the configuration's tiers, best first */
function tierRows(tally: Tally, order: readonly string[]): string[][] {
  const place = (tier: string): number => (order.includes(tier) ? order.indexOf(tier) : order.length);
  return [...tally.tiers]
    .sort(([a], [b]) => place(a) - place(b))
    .map(([tier, of]) => [tier, String(of.clients.size), String(of.requests)]);
}

/** What came of it all. */
export function closing(tally: Tally, order: readonly string[], asked: readonly Asked[]): string[] {
  const heads = [
    'client',
    'requests',
    'score',
    'tier',
    'diverted at',
    'requests_60s',
    'sent in 60 s',
    'agree',
  ];
  const failed = total(tally.failed);
  const lines = [
    '',
    ...columns([['tier', 'clients', 'requests'], ...tierRows(tally, order)]),
    '',
    ...columns([heads, ...asked.map(clientRow)]),
    '',
    `failed requests: ${failed}${failed > 0 ? ` (${listed(tally.failed)})` : ''}`,
  ];
  if (tally.otherwise.size > 0)
    lines.push(
      `answered with another status than the log's: ${total(tally.otherwise)} (${listed(tally.otherwise)})`,
    );
  if (tally.again > 0) lines.push(`sent again after an idle connection had closed: ${tally.again}`);
  const agreeing = asked.filter((one) => one.agrees).length;
  lines.push(
    `/score_ip agrees with what was sent in the last 60 s for ${agreeing} of ${asked.length} clients (to the second)`,
  );
  if (tally.tiers.has('none'))
    lines.push(
      "answers without X-Tier: set headers.tier: true in the gateway's configuration to see their tiers",
    );
  return lines;
}
