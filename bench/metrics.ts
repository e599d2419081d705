/** What the gateway and the scorer say of themselves. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';

export interface GatewayMetrics {
  /** Requests by the origin of their verdict, and by the tier that served them. */
  origins: Record<string, number>;
  tiers: Record<string, number>;
  /** One figure by its name; NaN when there is none. */
  value: (name: string) => number;
}

/** The gateway's figures, from its admin address. */
export async function gatewayMetrics(config: Config): Promise<GatewayMetrics> {
  const text = await metricsText(config.admin);
  const found: GatewayMetrics = { origins: {}, tiers: {}, value: (name) => valueOf(text, name) };
  for (const [, tier = '', origin = '', n] of text.matchAll(
    /^scoregate_requests_total\{tier="([^"]*)",origin="([^"]*)"\} (\d+)$/gm,
  )) {
    if (Number(n) === 0) continue;
    found.origins[origin] = (found.origins[origin] ?? 0) + Number(n);
    found.tiers[tier] = (found.tiers[tier] ?? 0) + Number(n);
  }
  return found;
}

/** Waits until every hit has been reported and every client's verdict has come. */
export async function drained(config: Config, within = 15_000): Promise<void> {
  const ends = Date.now() + within;
  for (;;) {
    const { value } = await gatewayMetrics(config);
    const left = value('scoregate_unreported_hits');
    if (left === 0) break;
    if (Date.now() > ends) throw new Error(`${left} hits are still unreported after ${within / 1000} s`);
    await sleep(100);
  }
  await sleep(500); // the answer to the last report
}

/** One figure of the scorer's. */
export async function scorerMetric(config: Config, name: string): Promise<number> {
  return valueOf(await metricsText(config.scorer.listen), name);
}

async function metricsText(address: string): Promise<string> {
  const answer = await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(`http://${address}/metrics answers ${answer.status}`);
  return answer.text();
}

function valueOf(text: string, name: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? NaN : Number(line.slice(name.length + 1));
}

/** Differences of two tables of counts; what did not change is left out. */
export function since(now: Record<string, number>, before: Record<string, number>): Record<string, number> {
  const grown = Object.entries(now).map(([key, n]): [string, number] => [key, n - (before[key] ?? 0)]);
  return Object.fromEntries(grown.filter(([, n]) => n !== 0));
}

/** `leased 99.8 %, fresh 0.2 %` */
export function shares(counts: Record<string, number>): string {
  const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return sorted.map(([key, n]) => `${key} ${((100 * n) / total).toFixed(n === total ? 0 : 2)} %`).join(', ');
}
