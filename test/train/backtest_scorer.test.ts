/** The backtest's scorer takes one client at a time and finds out late what it can; judge() must say the same. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { judge, type Judging } from '../../scorer/judge.ts';
import { MOST } from '../../scorer/lease.ts';
import { observe, observeEnd, type Added } from '../../scorer/observations.ts';
import { seeded } from '../../scorer/random.ts';
import { emptyRecord, type ClientRecord } from '../../scorer/store/record.ts';
import { keptFor } from '../../scorer/store/standing.ts';
import { historyOf } from '../../scorer/sums.ts';
import type { Lines } from '../../scorer/tier.ts';
import { addHits, addStep, prune, stepOf } from '../../scorer/window.ts';
import { DIMENSIONS } from '../../train/backtest_client.ts';
import { BacktestScorer, newKept, type Told } from '../../train/backtest_scorer.ts';

const FEATURES = ['requests_60s', 'errors_4xx', 'other_methods', 'scripts', 'distinct_paths'];
/** Minds errors, signs and hits, each by a weight of its own. */
const model: Judging = {
  features: FEATURES,
  thresholds: [0.35, 0.7],
  monotone: true,
  score: (rows, n) =>
    Float64Array.from({ length: n }, (_, row) => {
      const at = (i: number): number => rows[row * FEATURES.length + i] as number;
      const x = at(0) / 40 + at(1) / 6 + at(2) / 5 + at(3) / 9 + at(4) / 60;
      return x / (1 + x);
    }),
};

const random = seeded(5);
const below = (n: number): number => Math.floor(n * random());

/** What requests add on arrival, and `answers` of them when they end; rude ones are errors and show signs. */
function requests(n: number, answers: number, rude: boolean): Added[] {
  const added: Added[] = [];
  for (let i = 0; i < Math.max(n, answers); i++) {
    const target = `/${below(40)}${rude && below(2) === 0 ? '.php' : ''}`;
    const request = { method: rude && below(3) === 0 ? 'POST' : 'GET', target, referer: 'x', userAgent: 'y' };
    if (i < n) added.push(observe(request));
    if (i < answers) added.push(observeEnd(request, rude ? 404 : 200));
  }
  return added;
}

type Hysteresis = Omit<Lines, 'thresholds'>;

/** As it was before: everything counted, asked and written at once. */
class Eager {
  record: ClientRecord | null = null;
  until = 0;

  async report({ hits, added, tier, leased }: Told, hysteresis: Hysteresis, now: { s: number; ms: number }) {
    const lines = { thresholds: model.thresholds, ...hysteresis };
    if (this.until <= now.s) this.record = null;
    if (hits.length + added.length > 0) {
      const { track } = (this.record ??= emptyRecord(2));
      for (const [second, n] of hits) addHits(track, second, n);
      for (const one of added) addStep(track, hits.at(-1)?.[0] ?? now.s, one);
      prune(track, now.s);
    }
    const record = this.record && { ...this.record, ...historyOf(this.record.track) };
    const subject = { key: 'a', record, reported: tier, pin: -1, leased };
    const { verdicts, held } = await judge(model, [subject], lines, now);
    for (const { tier, since, returned } of held) {
      this.record ??= emptyRecord(2);
      Object.assign(this.record, { tier, since: [...since], returned });
    }
    if (this.record !== null) this.until = now.s + keptFor(this.record, lines, now.s);
    return verdicts[0] as (typeof verdicts)[0];
  }
}

for (const [holds, repeat, clean] of [
  [[120, 600], 0, 0],
  [[7, 30], 0, 0],
  [[0, 90], 0, 0],
  [[120, 60], 2000, 5],
  [[20, 60], 300, 0],
] as const)
  test(`the same verdicts and leases as judge(), with holds of ${holds.join(' and ')} s, a return in ${repeat} s`, async () => {
    const hysteresis = { margin: 0.05, holds, repeat, clean };
    const scorer = new BacktestScorer(model, hysteresis);
    const tiers = new Set<string>();
    for (let client = 0; client < 40; client++) {
      const [kept, eager] = [newKept(), new Eager()];
      let s = 1_700_000_000 + below(60);
      let tier = -1;
      let waiting = 0;
      for (let step = 0; step < 60; step++) {
        // After a while nothing is waited for: an error whose hit has left the window is none that a lease knows.
        const gap = below(10) === 0 ? below(700) : below(12);
        if (gap > 5) waiting = 0;
        s += gap;
        const rude = below(4) === 0;
        const hits: [number, number][] = [];
        if (below(4) > 0)
          for (let age = below(4); age >= 0; age -= 2) hits.push([s - age, 1 + below(rude ? 20 : 3)]);
        const n = hits.reduce((sum, [, more]) => sum + more, 0);
        const answers = below(waiting + n + 1);
        waiting += n - answers;
        const added = requests(n, answers, rude).map(stepOf);
        const told: Told = { hits, added, tier: below(6) === 0 ? -1 : tier, leased: below(30) - 10 };
        const now = { s, ms: below(1000) };
        const verdict = await eager.report(told, hysteresis, now);
        const { score, requests_60s, held, ttl_ms, ...said } = scorer.report(kept, told, now);
        assert.deepEqual(
          [score, said.tier, requests_60s, held, ttl_ms],
          [
            verdict.score,
            verdict.tier,
            verdict.requests_60s,
            verdict.origin === 'held',
            verdict.lease?.ttl_ms ?? 0,
          ],
          `client ${client}, step ${step}`,
        );
        tier = verdict.tier;
        tiers.add(`${tier}${held ? ' held' : ''}`);
        if (verdict.lease === undefined || below(2) === 0) continue;
        const { hits: _, errors: _e, signs: _s, harmless, ...rest } = verdict.lease;
        assert.equal(scorer.harmless(kept, tier), harmless);
        for (const [what, name] of DIMENSIONS.entries())
          assert.equal(scorer.lease(kept, tier, what, MOST, harmless).n, verdict.lease[name], name);
        assert.deepEqual(Object.keys(rest), ['ttl_ms']);
      }
    }
    assert.ok(tiers.size >= 4, [...tiers].join(', '));
  });
