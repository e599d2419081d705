/** Where the lines between fast, standard and slow go: by what would happen to people of whom it is known. */

/** At most this share of people may ever be slow, and ever be below fast; of polite automation, ever be slow. */
export const PEOPLE_SLOW = 0.005;
export const PEOPLE_BELOW_FAST = 0.03;
export const POLITE_SLOW = 0.008;
/** And of the people of one site, where there are at least 30 of them. */
const SITE_SLOW = 0.02;
const PEOPLE_OF_A_SITE = 30;
/** The worst score that each client ever had, by site. */
export interface Worst {
  people: number[][];
  polite: number[][];
}

/** The lowest line that at most a share of the values reach: between two of them. */
export function lowest(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => b - a);
  const reached = sorted[Math.floor(share * sorted.length)];
  if (reached === undefined) return 0;
  const next = sorted.filter((value) => value > reached).pop();
  return next === undefined ? reached + 1e-6 : (reached + next) / 2;
}

/** @returns the lines of standard and slow, in what the worst is given in */
export function linesFor({ people, polite }: Worst): [number, number] {
  const slow = Math.max(
    lowest(people.flat(), PEOPLE_SLOW),
    lowest(polite.flat(), POLITE_SLOW),
    ...people.filter((site) => site.length >= PEOPLE_OF_A_SITE).map((site) => lowest(site, SITE_SLOW)),
  );
  return [Math.min(lowest(people.flat(), PEOPLE_BELOW_FAST), slow), slow];
}

/** Lines that a manifest can hold: apart from each other and from 0 and 1. */
const [LEAST, MOST, APART] = [0.001, 0.9999, 0.001];
const round = (x: number): number => Math.round(x * 1e6) / 1e6;

/** @param lines as scores */
export function writable([standard, slow]: [number, number]): [number, number] {
  const top = Math.min(MOST, Math.max(LEAST + APART, slow));
  return [round(Math.max(LEAST, Math.min(standard, top - APART))), round(top)];
}
