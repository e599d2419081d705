import assert from 'node:assert/strict';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Output } from '../../train/output.ts';

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'scoregate-output-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

test('a file is there when it is whole, and what was there before until then', (t) => {
  const dir = folder(t);
  const file = join(dir, 'a.csv');
  writeFileSync(file, 'before');
  const output = new Output('--out', file, []);
  output.write('after');
  assert.equal(readFileSync(file, 'utf8'), 'before');
  output.close();
  assert.equal(readFileSync(file, 'utf8'), 'after');
  const other = new Output('--out', file, []);
  other.write('half');
  other.discard();
  assert.deepEqual([readFileSync(file, 'utf8'), readdirSync(dir)], ['after', ['a.csv']]);
});

test('a link is written through, and a device in its place', (t) => {
  const dir = folder(t);
  const [file, link] = [join(dir, 'a.csv'), join(dir, 'link.csv')];
  writeFileSync(file, 'before');
  symlinkSync(file, link);
  const output = new Output('--out', link, []);
  output.write('after');
  output.close();
  assert.equal(readFileSync(file, 'utf8'), 'after');
  const nowhere = new Output('--out', '/dev/null', []);
  nowhere.write('gone');
  nowhere.close();
  assert.ok(existsSync('/dev/null'));
});

test('a log that is read is not overwritten, whatever it is called', (t) => {
  const dir = folder(t);
  const [log, link, hard] = [join(dir, 'access.log'), join(dir, 'symbolic'), join(dir, 'hard')];
  writeFileSync(log, 'a line');
  symlinkSync(log, link);
  linkSync(log, hard);
  for (const file of [log, link, hard])
    assert.throws(
      () => new Output('--out', file, ['-', log]),
      /--out .*: is the log that is read; name another/,
    );
  assert.equal(readFileSync(log, 'utf8'), 'a line');
});

test('what cannot be written is an error that names option and file', (t) => {
  const dir = folder(t);
  mkdirSync(join(dir, 'folder'));
  for (const file of [join(dir, 'none/a.csv'), join(dir, 'folder')])
    assert.throws(() => new Output('--out', file, []), /^OutputError: --out .*: could not be written: E/);
  const full = new Output('--labels-out', '/dev/full', []);
  assert.throws(() => full.write('a'), /--labels-out \/dev\/full: could not be written: ENOSPC/);
  full.discard();
});
