/** The table of what was measured, beside what must be and what is aimed at. */

export interface Row {
  what: string;
  /** Figures as text, for the table. */
  measured: string;
  must: string;
  aim: string;
  /** Whether the figure is as good as it must be, and as good as is aimed at; null where nothing is asked. */
  meets: boolean | null;
  reaches: boolean | null;
}

/** A row of whose figure nothing is asked. */
export const figure = (what: string, value: number, form: (value: number) => string, more = ''): Row => ({
  what,
  measured: `${form(value)}${more === '' ? '' : ` (${more})`}`,
  must: '',
  aim: '',
  meets: null,
  reaches: null,
});

/** A row whose figure must be at most, or at least, some values. */
export function row(
  what: string,
  value: number,
  form: (value: number) => string,
  limit: { most: [number, number] } | { least: [number, number] },
  more = '',
): Row {
  const [sign, [must, aim]] = 'most' in limit ? ['<=', limit.most] : ['>=', limit.least];
  const within = (bound: number): boolean => (sign === '<=' ? value <= bound : value >= bound);
  return {
    ...figure(what, value, form, more),
    must: `${sign} ${form(must)}`,
    aim: `${sign} ${form(aim)}`,
    meets: within(must),
    reaches: within(aim),
  };
}

function mark({ meets, reaches }: Row): string {
  if (meets === false) return 'MISSED';
  return [meets ? 'ok' : '', reaches ? 'aim' : ''].filter((word) => word !== '').join(', ');
}

/** The rows in columns as wide as they need. */
export function table(rows: readonly Row[]): string {
  const cells = [
    ['what', 'must', 'aim', '', 'measured'],
    ...rows.map((one) => [one.what, one.must, one.aim, mark(one), one.measured]),
  ];
  const widths = [0, 1, 2, 3].map((i) => Math.max(...cells.map((line) => line[i]?.length ?? 0)));
  return cells
    .map((line) => line.map((cell, i) => (i < 4 ? cell.padEnd(widths[i] ?? 0) : cell)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

export const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
export const times = (value: number): string => `${value.toFixed(2)}x`;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const [a = NaN, b = NaN] = [sorted[sorted.length % 2 === 0 ? half - 1 : half], sorted[half]];
  return (a + b) / 2;
}

/** The value below which the share `p` of the sorted values lies (nearest rank). */
export function percentile(sorted: Float64Array, p: number): number {
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? NaN;
}
