/** Text → number, exactly: decimals of big.js, never binary floating point. */
import Big from 'big.js';
import { DemoError, shown } from './errors.ts';

/** Digits that a number may have before its point, and after it. Sums stay exact, and an exponent cannot make them huge. */
export const MOST_DIGITS = 50;

/** A place that a number is read from, for messages. */
export interface Field {
  name: string;
  /** A whole request that would be right. */
  example: string;
}

/** 12, -0.5, .5, 1e-3: what big.js reads, and most people and programs write. */
const NUMBER = /^-?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/**
 * A number from a query's parameter.
 *
 * @param value what the query holds: a text, or a list where the parameter is repeated
 * @throws DemoError when it is missing, repeated, no number, or too long
 */
export function readNumber(value: unknown, { name, example }: Field): Big {
  if (Array.isArray(value)) {
    const message = `${name} is given ${value.length} times`;
    throw new DemoError('REPEATED_NUMBER', { message, right: `give it once: ${example}`, field: name });
  }
  if (typeof value !== 'string' || value === '') {
    const message = value === '' ? `${name} is empty` : `${name} is missing`;
    throw new DemoError('MISSING_NUMBER', { message, right: example, field: name });
  }
  if (!NUMBER.test(value)) {
    const message = `${name}: ${shown(value)} is not a number`;
    throw new DemoError('NOT_A_NUMBER', { message, right: hint(value, example), field: name });
  }
  return bounded(new Big(value), name, example);
}

function hint(value: string, example: string): string {
  if (/^-?\d+,\d+$/.test(value)) return `a decimal point: ${value.replace(',', '.')}`;
  if (/^[ +]\d/.test(value)) return `no sign (in a query, + is a blank): ${value.slice(1)}`;
  return example;
}

/** 1234,56 and 1.234,56 and 1.234.567: a comma for the decimals, points between groups of three. */
const BRAZILIAN = /^(\d+|\d{1,3}(\.\d{3})+),\d+$|^\d{1,3}(\.\d{3}){2,}$/;
const POINT = /^\d+(\.\d+)?$/;
/** 1.234: about 1 for most of the world, more than a thousand in Brazil. 0.125 can only be the first. */
const AMBIGUOUS = /^[1-9]\d{0,2}\.\d{3}$/;

/**
 * An amount of money, with a decimal point or as it is written in Brazil.
 *
 * @throws DemoError when it is empty, negative, too long, no amount, or could be one of two
 */
export function readAmount(text: string, { name, example }: Field): Big {
  if (text === '') {
    throw new DemoError('MISSING_NUMBER', { message: `${name}: no amount`, right: example, field: name });
  }
  if (AMBIGUOUS.test(text)) {
    const message = `${name}: "${text}" is one amount with a decimal point and another with a point for thousands`;
    const right = `${text.replace('.', '')} or ${text},00 for thousands, ${text}0 or ${text.replace('.', ',')} for decimals`;
    throw new DemoError('AMBIGUOUS_AMOUNT', { message, right, field: name });
  }
  if (/^-/.test(text) && (POINT.test(text.slice(1)) || BRAZILIAN.test(text.slice(1)))) {
    const message = `${name}: ${shown(text)} is negative`;
    throw new DemoError('NEGATIVE_AMOUNT', { message, right: `zero or more: ${example}`, field: name });
  }
  if (POINT.test(text)) return bounded(new Big(text), name, example);
  if (BRAZILIAN.test(text)) {
    return bounded(new Big(text.replaceAll('.', '').replace(',', '.')), name, example);
  }
  const message = `${name}: ${shown(text)} is not an amount`;
  const right = `digits with a decimal point (1234.56) or as in Brazil (1.234,56): ${example}`;
  throw new DemoError('NOT_A_NUMBER', { message, right, field: name });
}

function bounded(number: Big, name: string, example: string): Big {
  // Big.js keeps the digits without zeros at the ends, and the exponent of the first.
  const [before, after] = [number.e + 1, number.c.length - 1 - number.e];
  if (before <= MOST_DIGITS && after <= MOST_DIGITS) return number;
  const message = `${name} has ${before > MOST_DIGITS ? `${before} digits before` : `${after} digits after`} its point`;
  const right = `at most ${MOST_DIGITS} before it and ${MOST_DIGITS} after it: ${example}`;
  throw new DemoError('NUMBER_TOO_LONG', { message, right, field: name });
}

/**
 * The number for a JSON answer: a number where every reader gets exactly this one, else its digits as text, since most
 * readers make binary floating point of a number, which holds about 16 digits.
 */
export function inJson(number: Big): number | string {
  const digits = number.toFixed();
  return String(Number(digits)) === digits ? Number(digits) : digits;
}
