/**
 * What a network gives (any number) → a score between 0 and 1 that means something: a curve through knots, straight
 * between them, that rises everywhere, so that clients are ranked as the network ranks them.
 */
import { Type, type Static } from 'typebox';

export const Calibration = Type.Object(
  {
    /** What the network gives, rising. */
    outputs: Type.Array(Type.Number(), { minItems: 2 }),
    /** The score for each, rising, between 0 and 1. */
    scores: Type.Array(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }), { minItems: 2 }),
  },
  { additionalProperties: false },
);
export type Calibration = Static<typeof Calibration>;

/** Why it is no curve that rises; null if it is one. */
export function problemOf({ outputs, scores }: Calibration): string | null {
  if (outputs.length !== scores.length) return `${outputs.length} outputs for ${scores.length} scores`;
  const rises = (list: number[]): boolean => list.every((x, i) => i === 0 || x > (list[i - 1] as number));
  return rises(outputs) && rises(scores) ? null : 'it does not rise from knot to knot';
}

/** @returns the curve; beyond the outermost knots it comes ever closer to 0 and 1 */
export function curve({ outputs, scores }: Calibration): (output: number) => number {
  const last = outputs.length - 1;
  const [left, right] = [outputs[0] as number, outputs[last] as number];
  const [low, high] = [scores[0] as number, scores[last] as number];
  return (output) => {
    if (output <= left) return low / (1 + left - output);
    if (output >= right) return 1 - (1 - high) / (1 + output - right);
    let k = 1;
    while (output > (outputs[k] as number)) k++;
    const [x, y] = [outputs[k - 1] as number, scores[k - 1] as number];
    return y + ((output - x) * ((scores[k] as number) - y)) / ((outputs[k] as number) - x);
  };
}
