/** Tables of bad configurations: each file, and what its one problem must be. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ConfigError, parseConfig } from '../../config/read.ts';
import type { Overrides } from '../../config/schema.ts';

/** What it is about, the text, and the problem: where it is, what is wrong, what would be right. */
export type Bad = [about: string, text: string, expected: RegExp];

/** The problems of a text that is called x.yaml. */
export function problems(text: string, overrides: Overrides = {}): readonly string[] {
  try {
    parseConfig(text, 'x.yaml', overrides);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems;
  }
  return [];
}

/** A test for each row. */
export function testBad(table: readonly Bad[]): void {
  for (const [about, text, expected] of table) {
    test(`refused with line, reason and remedy: ${about}`, () => {
      const found = problems(text);
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', expected);
    });
  }
}
