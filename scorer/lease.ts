/**
 * How much more a client may do before its score could reach the next line: the questions that search() answers with
 * the model itself. The mix of requests staying as it is (hits), every answer being an error (errors), every request
 * showing every sign (signs).
 */
import { featuresOf } from './features.ts';
import { search, type Question, type Scores } from './search.ts';
import { WIDTH, plusErrors, plusHits, plusSigns, sumsOf, type Sums } from './sums.ts';
import { hitsOf, type Window } from './window.ts';

/** The longest lease. */
export const MOST = 1024;
export const TTL_MS = 60_000;

export interface Lease {
  /** Most further hits that surely stay in this tier, 0…1024. */
  hits: number;
  /** Fewest further error answers, and fewest further requests with a sign, that could leave it, 1…1024. */
  errors: number;
  signs: number;
  /** How long that holds, 1…60,000. */
  ttl_ms: number;
}

/** For clients of whom nothing can change the tier: pinned, or in the worst one. */
export const longest = (): Lease => ({ hits: MOST, errors: MOST, signs: MOST, ttl_ms: TTL_MS });
/** For a model that is not monotone: ask at every step. */
export const shortest = (): Lease => ({ hits: 1, errors: 1, signs: 1, ttl_ms: TTL_MS });

type More = (sums: Sums, n: number, into: Sums) => Sums;
const scratch = new Float64Array(WIDTH);

const ask = (sums: Sums, names: readonly string[], line: number, more: More, to: number): Question => ({
  fill: (n, rows, at) => void featuresOf(more(sums, n, scratch), names, rows, at),
  line,
  below: true,
  from: 0,
  to,
});

/** Whether a model sees hits alone: then errors and signs are hits, and there is nothing more to ask. */
export const hitsOnly = (names: readonly string[]): boolean => names.every((name) => name === 'requests_60s');

/** @param line the score at which the next tier begins; the window's own score is below it */
export function hitsQuestion(window: Window, names: readonly string[], line: number): Question {
  const question = ask(sumsOf(window), names, line, plusHits, MOST + 1);
  if (!hitsOnly(names)) return question;
  const hits = hitsOf(window);
  return { ...question, fill: (n, rows, at) => void rows.fill(hits + n, at, at + names.length) };
}

/**
 * Requests that are errors or show signs are hits too, so they cannot take longer to reach the line than hits alone:
 * the answer to that question bounds these two.
 */
export function worseQuestions(
  window: Window,
  names: readonly string[],
  line: number,
  hits: number,
): [Question, Question] {
  const sums = sumsOf(window);
  return [ask(sums, names, line, plusErrors, hits + 1), ask(sums, names, line, plusSigns, hits + 1)];
}

/** Leases of clients below a line, each found with the model; `ttl_ms` is for whoever knows the tier's hold. */
export async function leases(
  model: Scores,
  clients: readonly { window: Window; line: number; ttl_ms: number }[],
): Promise<Lease[]> {
  const names = model.features;
  const hits = await search(
    model,
    clients.map(({ window, line }) => hitsQuestion(window, names, line)),
  );
  const worse = hitsOnly(names)
    ? hits.flatMap((n) => [n, n])
    : await search(
        model,
        clients.flatMap(({ window, line }, k) => worseQuestions(window, names, line, hits[k] as number)),
      );
  return clients.map(({ ttl_ms }, k) =>
    lease(hits[k] as number, worse[2 * k] as number, worse[2 * k + 1] as number, ttl_ms),
  );
}

/** @param hits the answer to hitsQuestion; errors and signs: those to worseQuestions */
function lease(hits: number, errors: number, signs: number, ttlMs: number): Lease {
  const fewest = (n: number): number => Math.min(MOST, n + 1);
  return { hits, errors: fewest(errors), signs: fewest(signs), ttl_ms: clampTtl(ttlMs) };
}

export const clampTtl = (ms: number): number => Math.max(1, Math.min(TTL_MS, Math.floor(ms)));
