import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { readRates, type Rates } from '../../backends/rates.ts';
import { ratesFile, site, type ErrorBody } from './site.ts';

const shipped = readRates(ratesFile);
/** Rates at which half cents come about: 0.02 reais are exactly 0.005 dollars. */
const halves: Rates = { ...shipped, reais_per_dollar: '4', reais_per_euro: '8' };
const app = await site();
const atHalves = await site({ rates: halves });
after(() => Promise.all([app.close(), atHalves.close()]));

const nines = '9'.repeat(50);

test('sums and differences are exact', async () => {
  for (const [path, a, b, result] of [
    ['/add', '1', '2', '3'],
    ['/add', '0.1', '0.2', '0.3'],
    ['/add', '-5', '3', '-2'],
    ['/add', '1e3', '2.5E-1', '1000.25'],
    ['/add', '.5', '5.', '5.5'],
    ['/add', '007', '-0', '7'],
    ['/add', '9007199254740993', '1', '9007199254740994'],
    ['/add', nines, '1', `1${'0'.repeat(50)}`],
    ['/add', nines, `0.${'0'.repeat(49)}1`, `${nines}.${'0'.repeat(49)}1`],
    ['/add', '0e999999999', '1', '1'],
    ['/subtract', '0.3', '0.1', '0.2'],
    ['/subtract', '1', '1.00', '0'],
    ['/subtract', '-1', '-3', '2'],
    ['/subtract', '1e49', '1', '9'.repeat(49)],
  ] as const) {
    const answer = await app.inject(`${path}?a=${a}&b=${b}`);
    const body = answer.json<{ served_by: string; result: number | string }>();
    assert.deepEqual(
      [answer.statusCode, String(body.result), body.served_by],
      [200, result, 'fast'],
      `${a} ${b}`,
    );
  }
});

test('what is no number is refused, with its name and what would be right', async () => {
  for (const [query, code, field, right] of [
    ['', 'MISSING_NUMBER', 'a', /^PATH\?a=2\.5&b=-1$/],
    ['a=1', 'MISSING_NUMBER', 'b', /^PATH\?a=2\.5&b=-1$/],
    ['a=&b=1', 'MISSING_NUMBER', 'a', /PATH/],
    ['A=1&b=1', 'MISSING_NUMBER', 'a', /PATH/],
    ['a=1&b=2&b=2', 'REPEATED_NUMBER', 'b', /^give it once/],
    ['a[]=1&b=2', 'MISSING_NUMBER', 'a', /PATH/],
    ['a=NaN&b=1', 'NOT_A_NUMBER', 'a', /PATH/],
    ['a=1&b=Infinity', 'NOT_A_NUMBER', 'b', /PATH/],
    ['a=1&b=-Infinity', 'NOT_A_NUMBER', 'b', /PATH/],
    ['a=abc&b=1', 'NOT_A_NUMBER', 'a', /PATH/],
    ['a=0x10&b=1', 'NOT_A_NUMBER', 'a', /PATH/],
    ['a=1_000&b=1', 'NOT_A_NUMBER', 'a', /PATH/],
    ['a=1.2.3&b=1', 'NOT_A_NUMBER', 'a', /PATH/],
    ['a=.&b=1', 'NOT_A_NUMBER', 'a', /PATH/],
    ['a=-&b=1', 'NOT_A_NUMBER', 'a', /PATH/],
    ['a=1e&b=1', 'NOT_A_NUMBER', 'a', /PATH/],
    ['a=1n&b=1', 'NOT_A_NUMBER', 'a', /PATH/],
    ['a=%D9%A1&b=1', 'NOT_A_NUMBER', 'a', /PATH/],
    ['a=1%00&b=1', 'NOT_A_NUMBER', 'a', /PATH/],
    ['a=1%0A&b=1', 'NOT_A_NUMBER', 'a', /PATH/],
    ['a=1,5&b=1', 'NOT_A_NUMBER', 'a', /^a decimal point: 1\.5$/],
    ['a=+5&b=1', 'NOT_A_NUMBER', 'a', /\+ is a blank\): 5$/],
    ['a=%2B5&b=1', 'NOT_A_NUMBER', 'a', /: 5$/],
    [`a=${nines}9&b=1`, 'NUMBER_TOO_LONG', 'a', /^at most 50 before it/],
    [`a=1&b=0.${'1'.repeat(51)}`, 'NUMBER_TOO_LONG', 'b', /and 50 after it/],
    ['a=1e50&b=1', 'NUMBER_TOO_LONG', 'a', /PATH/],
    ['a=1e-51&b=1', 'NUMBER_TOO_LONG', 'a', /PATH/],
    ['a=1e999999999999&b=1', 'NUMBER_TOO_LONG', 'a', /PATH/],
    [`a=${'9'.repeat(12_000)}&b=1`, 'NUMBER_TOO_LONG', 'a', /PATH/],
  ] as const) {
    for (const path of ['/add', '/subtract']) {
      const answer = await app.inject(`${path}?${query}`);
      const { served_by, error } = answer.json<ErrorBody>();
      assert.deepEqual(
        [answer.statusCode, error.code, error.field, served_by],
        [400, code, field, 'fast'],
        query,
      );
      assert.match(error.right, new RegExp(right.source.replace('PATH', path)), query);
      assert.ok(error.message.startsWith(field) && error.message.length < 200, error.message);
    }
  }
});

test('reais become dollars and euros at the rates that the answer names', async () => {
  const answer = await app.inject('/convert/100');
  assert.deepEqual(answer.json(), {
    served_by: 'fast',
    reais: 100,
    dollars: 16.15, // 100 / 6.1923 = 16.1490…
    euros: 15.54, // 100 / 6.4363 = 15.5368…
    rates: shipped,
  });
});

test('amounts are read with a decimal point and as in Brazil; cents are rounded once, halves up', async () => {
  for (const [text, reais, dollars, euros] of [
    ['0', '0', '0.00', '0.00'],
    ['4', '4', '1.00', '0.50'],
    ['0.02', '0.02', '0.01', '0.00'], // 0.005 and 0.0025
    ['0.06', '0.06', '0.02', '0.01'], // 0.015 and 0.0075
    ['0.04', '0.04', '0.01', '0.01'], // 0.01 and 0.005
    ['0.0199999999999999999999999999', '0.0199999999999999999999999999', '0.00', '0.00'],
    ['10.5', '10.5', '2.63', '1.31'], // 2.625 and 1.3125
    ['10,5', '10.5', '2.63', '1.31'],
    ['1234,56', '1234.56', '308.64', '154.32'],
    ['1.234,56', '1234.56', '308.64', '154.32'],
    ['1234.56', '1234.56', '308.64', '154.32'],
    ['1.234.567', '1234567', '308641.75', '154320.88'],
    ['12.345.678,90', '12345678.9', '3086419.73', '1543209.86'],
    ['1,234', '1.234', '0.31', '0.15'],
    ['0.125', '0.125', '0.03', '0.02'],
    ['1.2340', '1.234', '0.31', '0.15'],
    ['1234.567', '1234.567', '308.64', '154.32'],
    [nines, nines, `24${'9'.repeat(48)}.75`, `124${'9'.repeat(47)}.88`],
  ] as const) {
    for (const path of ['/convert', '/convertepradolareuro']) {
      const answer = await atHalves.inject(`${path}/${text}`);
      const body = answer.json<Record<string, number | string>>();
      assert.equal(answer.statusCode, 200, text);
      // what a reader's binary floating point could not hold comes as text
      const held = [reais, dollars, euros].map((digits) => (digits.length > 20 ? digits : Number(digits)));
      assert.deepEqual([body['reais'], body['dollars'], body['euros']], held, text);
    }
  }
});

test('what is no amount of money is refused, and so is what could be two', async () => {
  for (const [text, code, right] of [
    ['', 'MISSING_NUMBER', /^PATH\/1234\.56$/],
    ['abc', 'NOT_A_NUMBER', /1\.234,56/],
    ['NaN', 'NOT_A_NUMBER', /PATH/],
    ['Infinity', 'NOT_A_NUMBER', /PATH/],
    ['1e3', 'NOT_A_NUMBER', /PATH/],
    ['R$10', 'NOT_A_NUMBER', /PATH/],
    ['%2010', 'NOT_A_NUMBER', /PATH/],
    ['1,234.56', 'NOT_A_NUMBER', /1234\.56/],
    ['1.23,4', 'NOT_A_NUMBER', /PATH/],
    ['1,2,3', 'NOT_A_NUMBER', /PATH/],
    ['1.2.3', 'NOT_A_NUMBER', /PATH/],
    ['.5', 'NOT_A_NUMBER', /PATH/],
    ['-1', 'NEGATIVE_AMOUNT', /zero or more/],
    ['-1.234,56', 'NEGATIVE_AMOUNT', /zero or more/],
    ['1.234', 'AMBIGUOUS_AMOUNT', /^1234 or 1\.234,00 for thousands, 1\.2340 or 1,234 for decimals$/],
    ['999.999', 'AMBIGUOUS_AMOUNT', /999999/],
    [`${nines}9`, 'NUMBER_TOO_LONG', /at most 50/],
    [`0.${'1'.repeat(51)}`, 'NUMBER_TOO_LONG', /at most 50/],
    ['1'.repeat(900), 'NUMBER_TOO_LONG', /at most 50/],
  ] as const) {
    for (const path of ['/convert', '/convertepradolareuro']) {
      const answer = await app.inject(`${path}/${text}`);
      const { error } = answer.json<ErrorBody>();
      assert.deepEqual([answer.statusCode, error.code, error.field], [400, code, 'reais'], text);
      assert.match(error.right, new RegExp(right.source.replace('PATH', path)), text);
    }
  }
});

test('a file of rates that is not right is refused with its name, the key and what would be right', () => {
  const folder = mkdtempSync(join(tmpdir(), 'scoregate-rates-'));
  const file = join(folder, 'rates.json');
  try {
    for (const [change, expected] of [
      [{ date: '2024-02-30' }, /rates\.json: date: "2024-02-30" is no day of the calendar/],
      [{ date: '31/12/2024' }, /rates\.json: date: .*right would be "2024-12-31"/],
      [{ reais_per_dollar: 6.1923 }, /reais_per_dollar: 6\.1923; right would be "5\.4321"/],
      [{ reais_per_euro: '0.00' }, /reais_per_euro: "0\.00" is not more than 0/],
      [{ reais_per_euro: '-1' }, /reais_per_euro: "-1"; right/],
      [{ reais_per_euro: undefined }, /reais_per_euro: missing/],
      [{ source: ' ' }, /source: " "/],
      [{ reais_per_yen: '0.04' }, /unknown key "reais_per_yen"; known are date, source/],
    ] as const) {
      writeFileSync(file, JSON.stringify({ ...shipped, ...change }));
      assert.throws(() => readRates(file), expected);
    }
    writeFileSync(file, '{');
    assert.throws(() => readRates(file), /rates\.json: cannot be read as JSON/);
    writeFileSync(file, '[]');
    assert.throws(() => readRates(file), /rates\.json: an object with the keys/);
    assert.throws(() => readRates(join(folder, 'none.json')), /none\.json: cannot be read/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
