/**
 * How good a model is on clients that it was not trained on, where its lines go, and what a plain rate threshold
 * would do on the same windows. Per client: what counts is the worst that ever happens to it.
 */
import { CLASSES, type Class, type Labels } from './entry.ts';
import type { Samples } from './window.ts';

/** At most this share of people may ever be slow, and ever be below fast. */
export const PEOPLE_SLOW = 0.005;
export const PEOPLE_BELOW_FAST = 0.05;

/** The highest value that each client ever had. */
export function worst(samples: Samples, values: Float64Array): Map<string, number> {
  const highest = new Map<string, number>();
  for (let i = 0; i < samples.n; i++) {
    const client = samples.clients[i] as string;
    highest.set(client, Math.max(highest.get(client) ?? -Infinity, values[i] as number));
  }
  return highest;
}

/** Of the clients of a class, the share whose value ever reaches a line; 0 when there are none. */
export function reaching(highest: Map<string, number>, labels: Labels, of: Class, line: number): number {
  let clients = 0;
  let reached = 0;
  for (const [client, value] of highest) {
    if (labels.get(client)?.class !== of) continue;
    clients += 1;
    if (value >= line) reached += 1;
  }
  return clients === 0 ? 0 : reached / clients;
}

/** The lowest of `candidates` (ascending) that at most a share of people ever reaches; the last when none does. */
function lowest(highest: Map<string, number>, labels: Labels, candidates: number[], share: number): number {
  const line = candidates.find((candidate) => reaching(highest, labels, 'people', candidate) <= share);
  return line ?? (candidates[candidates.length - 1] as number);
}

const grid = (from: number, to: number): number[] =>
  Array.from(
    { length: Math.round((to - from) / 0.01) + 1 },
    (_, i) => Math.round((from + i * 0.01) * 100) / 100,
  );

/** Lines between fast, standard and slow, from the scores of clients of whom the labels are known. */
export function linesFor(highest: Map<string, number>, labels: Labels): [number, number] {
  const standard = lowest(highest, labels, grid(0.15, 0.7), PEOPLE_BELOW_FAST);
  const slow = lowest(highest, labels, grid(standard + 0.1, 0.97), PEOPLE_SLOW);
  return [standard, slow];
}

export interface Row {
  name: string;
  /** Shares of clients ever in slow. */
  abuse: number;
  people: number;
  polite: number;
}

export interface Report {
  clients: Record<Class, number>;
  peopleBelowFast: number;
  rows: Row[];
}

/** The model's row, and the baseline's: the lowest rate that at most PEOPLE_SLOW of these people ever reach. */
export function evaluate(
  samples: Samples,
  scores: Float64Array,
  labels: Labels,
  lines: [number, number],
): Report {
  const highest = worst(samples, scores);
  const row = (name: string, values: Map<string, number>, line: number): Row => ({
    name,
    abuse: reaching(values, labels, 'abuse', line),
    people: reaching(values, labels, 'people', line),
    polite: reaching(values, labels, 'polite', line),
  });
  const rows = [row('model', highest, lines[1])];
  const at = samples.names.indexOf('requests_60s');
  if (at >= 0) {
    const width = samples.names.length;
    const requests = Float64Array.from(
      { length: samples.n },
      (_, i) => samples.rows[i * width + at] as number,
    );
    const rates = worst(samples, requests);
    const candidates = Array.from({ length: 2000 }, (_, i) => i + 1);
    const rate = lowest(rates, labels, candidates, PEOPLE_SLOW);
    rows.push(row(`${rate} requests in 60 s`, rates, rate));
  }
  const clients = Object.fromEntries(
    CLASSES.map((kind) => [kind, [...highest.keys()].filter((c) => labels.get(c)?.class === kind).length]),
  ) as Record<Class, number>;
  return { clients, peopleBelowFast: reaching(highest, labels, 'people', lines[0]), rows };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`.padStart(8);

/** The report as a table for people. */
export function table({ clients, rows, peopleBelowFast }: Report): string {
  const head = `clients held out: ${CLASSES.map((kind) => `${clients[kind]} ${kind}`).join(', ')}`;
  const width = Math.max(...rows.map(({ name }) => name.length));
  const lines = rows.map(
    ({ name, abuse, people, polite }) =>
      `  ${name.padEnd(width)}  ${percent(abuse)}  ${percent(people)}  ${percent(polite)}`,
  );
  const title = `  ${'ever in slow'.padEnd(width)}     abuse    people    polite`;
  return [head, title, ...lines, `  people ever below fast: ${percent(peopleBelowFast).trim()}`].join('\n');
}
