/** The exchange rates and their date, from a file: backends/rates.json unless another is named. */
import { readFileSync } from 'node:fs';
import Big from 'big.js';
import { inJson } from './decimal.ts';

/** As the file holds them. Reais for one unit, which is how the Banco Central do Brasil quotes them. */
export interface Rates {
  /** The day of the rates, YYYY-MM-DD. */
  date: string;
  source: string;
  reais_per_dollar: string;
  reais_per_euro: string;
}

const KEYS = ['date', 'source', 'reais_per_dollar', 'reais_per_euro'] as const;
const CENTS = 2;

/**
 * The one law about rounding sums that become euros, Regulation (EC) No 1103/97, article 5, rounds half a cent up, and
 * so does whoever checks it with a pencil. Half to even would keep long sums of rounded amounts from drifting; nothing
 * here is summed.
 */
const Money = Big();
Money.DP = CENTS;
Money.RM = Big.roundHalfUp;

/** @throws Error that names the file, the key and what would be right */
export function readRates(file: string): Rates {
  const wrong = (what: string): Error => new Error(`${file}: ${what}`);
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw wrong(`cannot be read as JSON: ${(error as Error).message}`);
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) {
    throw wrong(`an object with the keys ${KEYS.join(', ')} is needed`);
  }
  const values: Record<string, unknown> = { ...read };
  const unknown = Object.keys(values).find((key) => !KEYS.some((known) => known === key));
  if (unknown !== undefined) throw wrong(`unknown key "${unknown}"; known are ${KEYS.join(', ')}`);
  const text = (key: (typeof KEYS)[number], right: RegExp, example: string): string => {
    const value = values[key];
    if (typeof value === 'string' && right.test(value)) return value;
    throw wrong(`${key}: ${JSON.stringify(value) ?? 'missing'}; right would be "${example}"`);
  };
  const rate = (key: (typeof KEYS)[number]): string => {
    const value = text(key, /^\d{1,12}(\.\d{1,12})?$/, '5.4321');
    if (new Big(value).gt(0)) return value;
    throw wrong(`${key}: "${value}" is not more than 0; right would be "5.4321"`);
  };
  const date = text('date', /^\d{4}-\d{2}-\d{2}$/, '2024-12-31');
  if (!isDay(date)) throw wrong(`date: "${date}" is no day of the calendar; right would be "2024-12-31"`);
  return {
    date,
    source: text('source', /\S/, 'Banco Central do Brasil, PTAX'),
    reais_per_dollar: rate('reais_per_dollar'),
    reais_per_euro: rate('reais_per_euro'),
  };
}

function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** Reais in the other currency, to two decimals; rounded once, by the division. */
export function converted(reais: Big, rate: string): number | string {
  return inJson(new Money(reais).div(rate));
}
