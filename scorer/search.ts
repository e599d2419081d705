/**
 * Bisection for many clients at once: one call of the model per step, whatever the number of clients, because a call
 * of TensorFlow.js costs the same for one row and for five hundred.
 */
import type { Model } from './model.ts';

/** What the search needs of a model. */
export type Scores = Pick<Model, 'features' | 'score'>;

/** One question: for how long does something hold? */
export interface Question {
  /** Writes the features for a value of x into `rows` from index `at` on. */
  fill(x: number, rows: Float64Array, at: number): void;
  /** A score at or above the line is above. */
  line: number;
  /** Looked for: the last x at which the score is still below (or above) the line. */
  below: boolean;
  /** It holds at `from`; it is taken not to hold at `to`. */
  from: number;
  to: number;
  /** Where the answer probably is: tried first, with what is next to it. */
  hint?: number;
}

/**
 * @param questions each monotone in x between `from` and `to`
 * @returns for each the largest x, from ≤ x < to, for which it holds; evaluations at most: ⌈log2(to - from)⌉ for one
 *   that is not `below`, 13 for one that is and has 1,025 answers; two where a hint is right, two more where it is not
 */
export async function search(model: Scores, questions: readonly Question[]): Promise<number[]> {
  const width = model.features.length;
  const low = questions.map((question) => question.from);
  const high = questions.map((question) => question.to);
  let open = questions.map((_, i) => i).filter((i) => (high[i] as number) - (low[i] as number) > 1);
  const rows = new Float64Array(open.length * width);
  while (open.length > 0) {
    const tried = open.map((i) => between(questions[i] as Question, low[i] as number, high[i] as number));
    open.forEach((i, k) => (questions[i] as Question).fill(tried[k] as number, rows, k * width));
    const scored = model.score(rows.subarray(0, open.length * width), open.length);
    const scores = scored instanceof Promise ? await scored : scored;
    open.forEach((i, k) => {
      const { line, below } = questions[i] as Question;
      if ((scores[k] as number) < line === below) low[i] = tried[k] as number;
      else high[i] = tried[k] as number;
    });
    open = open.filter((i) => (high[i] as number) - (low[i] as number) > 1);
  }
  return low;
}

/**
 * How much more reaches a line is a matter of proportions, and the answer is more often small than large: the middle
 * between 10 and 1,000 is 100. How long a score stays above one is not: there, halves.
 */
export function between({ from, below, hint }: Question, low: number, high: number): number {
  if (hint !== undefined && low <= hint && hint <= high) return Math.max(low + 1, Math.min(hint, high - 1));
  if (!below) return (low + high) >> 1;
  return from - 1 + Math.ceil(Math.sqrt((low - from + 1) * (high - from + 1)));
}
