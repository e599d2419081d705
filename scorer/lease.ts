/**
 * How much more a client may do before its score could reach the next line, found with the model itself: the mix of
 * requests staying as it is (hits), every answer being an error (errors), every request showing every sign that does
 * not end the lease at once (signs).
 */
import { featuresOf } from './features.ts';
import { SIGNS } from './observations.ts';
import { search, type Question, type Scores } from './search.ts';
import { HITS, WIDTH, plusErrors, plusHits, plusSigns, signsIn, type Sums } from './sums.ts';

/** The longest lease. */
export const MOST = 1024;
export const TTL_MS = 60_000;
/** Every sign, one bit each in the vocabulary's order. */
export const ALL_SIGNS = 2 ** SIGNS.length - 1;
/** New signs are harmless together if a client may show all of them this often and stay below the line. */
const TOGETHER = 2;

export interface Lease {
  /** Most further hits that surely stay in this tier, 0…1024. */
  hits: number;
  /** Fewest further error answers, and fewest further requests with a sign, that could leave it, 1…1024. */
  errors: number;
  signs: number;
  /** Bits of the signs that `signs` is about: those in the window, and new ones that change little. Any other ends it. */
  harmless: number;
  /** How long that holds, 1…60,000. */
  ttl_ms: number;
}

/** For clients of whom nothing can change the tier: pinned, or in the worst one. */
export const longest = (): Lease => ({
  hits: MOST,
  errors: MOST,
  signs: MOST,
  harmless: ALL_SIGNS,
  ttl_ms: TTL_MS,
});
/** For a model that is not monotone: ask at every step. */
export const shortest = (): Lease => ({ hits: 1, errors: 1, signs: 1, harmless: 0, ttl_ms: TTL_MS });

/** A client below a line: the score at which the next tier begins. */
export interface Below {
  /** Its window. */
  sums: Sums;
  line: number;
  /** For whoever knows the tier's hold. */
  ttl_ms: number;
}

type More = (sums: Sums, n: number, into: Sums, signs: number) => Sums;
const scratch = new Float64Array(WIDTH);

const ask = (
  sums: Sums,
  names: readonly string[],
  line: number,
  more: More,
  to: number,
  signs = 0,
): Question => ({
  fill: (n, rows, at) => void featuresOf(more(sums, n, scratch, signs), names, rows, at),
  line,
  below: true,
  from: 0,
  to,
});

/** Whether a model sees hits alone: then errors and signs are hits, and there is nothing more to ask. */
export const hitsOnly = (names: readonly string[]): boolean => names.every((name) => name === 'requests_60s');

/** How many more hits? */
export function hitsQuestion({ sums, line }: Below, names: readonly string[]): Question {
  const question = ask(sums, names, line, plusHits, MOST + 1);
  if (!hitsOnly(names)) return question;
  const hits = sums[HITS] as number;
  return { ...question, fill: (n, rows, at) => void rows.fill(hits + n, at, at + names.length) };
}

/**
 * How many more errors, and requests with signs? They are hits too, so they cannot take longer to reach the line than
 * hits alone: the answer to that question bounds these two.
 */
export function worseQuestions(
  { sums, line }: Below,
  names: readonly string[],
  hits: number,
  harmless: number,
): [Question, Question] {
  return [
    ask(sums, names, line, plusErrors, hits + 1, harmless),
    ask(sums, names, line, plusSigns, hits + 1, harmless),
  ];
}

/** What a client would look like with one more request that shows a sign that it has not shown yet: a row at `at`. */
export function signRow(
  sums: Sums,
  sign: number,
  names: readonly string[],
  rows: Float64Array,
  at: number,
): void {
  plusSigns(sums, 1, scratch, signsIn(sums) | (1 << sign));
  featuresOf(scratch, names, rows, at);
}

/** The signs in the window, then with one new one more each time, the least of them first. @param scores of signRow(), by sign */
export function signSets(sums: Sums, scores: Float64Array): number[] {
  const shown = signsIn(sums);
  const of = (s: number): number => scores[s] as number;
  const fresh = [...SIGNS.keys()].filter((s) => (shown & (1 << s)) === 0).sort((a, b) => of(a) - of(b));
  const sets = [shown];
  for (const s of fresh) sets.push((sets[sets.length - 1] as number) | (1 << s));
  return sets;
}

/** Which is the last of these sets that may come together? */
export function setsQuestion({ sums, line }: Below, names: readonly string[], sets: number[]): Question {
  const more: More = (_, n, into) => plusSigns(sums, TOGETHER, into, sets[n] as number);
  return ask(sums, names, line, more, sets.length);
}

/** The signs that do not end each client's lease at once: those in its window, and as many new ones as change little. */
async function harmlessOf(model: Scores, clients: readonly Below[]): Promise<number[]> {
  const width = model.features.length;
  const rows = new Float64Array(clients.length * SIGNS.length * width);
  clients.forEach(({ sums }, k) =>
    SIGNS.forEach((_, s) => signRow(sums, s, model.features, rows, (k * SIGNS.length + s) * width)),
  );
  const scores = await model.score(rows, clients.length * SIGNS.length);
  const of = (k: number): Float64Array => scores.subarray(k * SIGNS.length, (k + 1) * SIGNS.length);
  const sets = clients.map(({ sums }, k) => signSets(sums, of(k)));
  const questions = clients.map((client, k) => setsQuestion(client, model.features, sets[k] as number[]));
  const found = await search(model, questions);
  return found.map((n, k) => (sets[k] as number[])[n] as number);
}

/** Leases of clients below a line, each found with the model. */
export async function leases(model: Scores, clients: readonly Below[]): Promise<Lease[]> {
  const names = model.features;
  const hits = await search(
    model,
    clients.map((client) => hitsQuestion(client, names)),
  );
  const fewest = (n: number | undefined): number => Math.min(MOST, (n as number) + 1);
  const lease = (
    k: number,
    errors: number | undefined,
    signs: number | undefined,
    harmless: number,
  ): Lease => ({
    ...{ hits: hits[k] as number, errors: fewest(errors), signs: fewest(signs), harmless },
    ttl_ms: clampTtl((clients[k] as Below).ttl_ms),
  });
  if (hitsOnly(names)) return hits.map((n, k) => lease(k, n, n, ALL_SIGNS));
  const harmless = await harmlessOf(model, clients);
  const worse = await search(
    model,
    clients.flatMap((client, k) => worseQuestions(client, names, hits[k] as number, harmless[k] as number)),
  );
  return hits.map((_, k) => lease(k, worse[2 * k], worse[2 * k + 1], harmless[k] as number));
}

export const clampTtl = (ms: number): number => Math.max(1, Math.min(TTL_MS, Math.floor(ms)));
