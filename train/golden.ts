/** Rows with the scores that they must give: real windows from the least to the worst, and extremes that were not seen. */
import type { Calibration } from '../scorer/calibration.ts';
import { finisher } from '../scorer/model.ts';
import { predict, type Fitted } from './fit.ts';
import type { Samples } from './window.ts';

const ROWS = 32;

export function goldenOf(
  fitted: Fitted,
  samples: Samples,
  calibration: Calibration,
): { inputs: number[][]; scores: number[] } {
  const width = samples.names.length;
  const all = predict(fitted, samples.rows, samples.n);
  const order = [...all.keys()].sort((a, b) => (all[a] as number) - (all[b] as number));
  const inputs = Array.from({ length: ROWS }, (_, i) => {
    const at = order[Math.round((i * (order.length - 1)) / (ROWS - 1))] as number;
    return [...samples.rows.subarray(at * width, (at + 1) * width)];
  });
  inputs.push(new Array<number>(width).fill(0), new Array<number>(width).fill(1000));
  const outputs = predict(fitted, Float64Array.from(inputs.flat()), inputs.length);
  return { inputs, scores: [...finisher(calibration)(outputs)] };
}
