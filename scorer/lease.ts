/**
 * How much more a client may do before its score could reach the next line, found with the model itself: the mix of
 * requests staying as it is (hits), every answer being an error (errors), every request showing every sign that does
 * not end the lease at once (signs).
 */
import { featuresOf } from './features.ts';
import { SIGNS } from './observations.ts';
import { search, type Question, type Scores } from './search.ts';
import { HITS, WIDTH, plusErrors, plusHits, plusSigns, signsIn, sumsOf, type Sums } from './sums.ts';

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
  // A method, not a function in a field: tsx gives those their names when it runs, which takes longer than a row.
  fill(n, rows, at) {
    featuresOf(more(sums, n, scratch, signs), names, rows, at);
  },
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
  return {
    ...question,
    fill(n, rows, at) {
      rows.fill(hits + n, at, at + names.length);
    },
  };
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

/** Somebody who reads: ten requests in a minute, most of them for assets. */
const READER = sumsOf({
  now: 0,
  hits: Array.from({ length: 10 }, (_, i) => [6 * i, 1]),
  counts: { assets: 7 },
  distinct: { paths: 9 },
});

/** What a reader would look like with one more request that shows a sign: a row for each. */
export function signRows(names: readonly string[]): Float64Array {
  const rows = new Float64Array(SIGNS.length * names.length);
  SIGNS.forEach((_, s) => {
    featuresOf(plusSigns(READER, 1, scratch, 1 << s), names, rows, s * names.length);
  });
  return rows;
}

/** The signs by how much one of each would raise a reader's score, the least first. @param scores of signRows() */
export const signOrder = (scores: Float64Array): number[] =>
  [...SIGNS.keys()].sort((a, b) => (scores[a] as number) - (scores[b] as number));

const orders = new WeakMap<Scores, number[]>();

async function orderOf(model: Scores): Promise<number[]> {
  let order = orders.get(model);
  if (!order) {
    order = signOrder(await model.score(signRows(model.features), SIGNS.length));
    orders.set(model, order);
  }
  return order;
}

/**
 * The signs in the window, then with one new one more each time.
 * @param order the same for everybody: one of their own would cost a row for each sign
 */
export function signSets(sums: Sums, order: readonly number[]): number[] {
  const sets = [signsIn(sums)];
  for (const s of order) {
    const before = sets[sets.length - 1] as number;
    if ((before & (1 << s)) === 0) sets.push(before | (1 << s));
  }
  return sets;
}

/** Which is the last of these sets that may come together? */
export const setsQuestion = (
  { sums, line }: Below,
  names: readonly string[],
  sets: readonly number[],
): Question =>
  ask(sums, names, line, (_, n, into) => plusSigns(sums, TOGETHER, into, sets[n] as number), sets.length);

/** The signs that do not end each client's lease at once: those in its window, and as many new ones as change little. */
async function harmlessOf(model: Scores, clients: readonly Below[]): Promise<number[]> {
  const order = await orderOf(model);
  const sets = clients.map(({ sums }) => signSets(sums, order));
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
