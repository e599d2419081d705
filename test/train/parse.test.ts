import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { parseLine, type LogRow } from '../../train/line.ts';
import { entriesOf, reasonsText } from '../../train/logs.ts';
import { LogError, readLogs } from '../../train/parse.ts';
import { COMBINED, COMMON } from './lines.ts';

function folder(t: TestContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'scoregate-parse-'));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}
async function rowsOf(files: string[]): Promise<LogRow[]> {
  const rows: LogRow[] = [];
  await readLogs(files, (row) => rows.push(row));
  return rows;
}

test('a byte order mark belongs to no line', async (t) => {
  const file = path.join(folder(t), 'a.log');
  writeFileSync(file, `\ufeff${COMBINED}\n`);
  assert.deepEqual(await rowsOf([file]), [parseLine(COMBINED)]);
});

test('training leaves such lines out, counts them by reason, and sorts the rest by time', async (t) => {
  const file = path.join(folder(t), 'a.log');
  const late = COMBINED.replace('14:23:02', '14:23:01');
  const empty = COMBINED.replace('GET /a.css?v=1 HTTP/1.1', '-').replace(' 200 ', ' 408 ');
  writeFileSync(file, [COMBINED, late, empty, COMBINED.replace('192.0.2.7', 'localhost')].join('\n'));
  const { entries, left, reasons } = await entriesOf([file]);
  assert.deepEqual(
    entries.map(({ time }) => time % 60),
    [1, 2],
  );
  assert.equal(left, 2);
  assert.equal(reasonsText(reasons), '1 no request line, 1 the client is no address');
});

test('lines that do not fit are counted, and five are shown with their numbers', async (t) => {
  const file = path.join(folder(t), 'a.log');
  writeFileSync(file, `${COMBINED}\r\n\n${'junk\n'.repeat(7)}${COMMON}`);
  const rows: LogRow[] = [];
  const summary = await readLogs([file], (row) => rows.push(row));
  assert.deepEqual([summary.rows, summary.unfit, rows.length], [2, 7, 2]);
  assert.deepEqual(
    summary.samples.map((s) => s.line),
    [3, 4, 5, 6, 7],
  );
  assert.equal(rows[0]?.userAgent, 'Mozilla/5.0');
});

test('gzip is recognised by its first bytes, and several files are read in order', async (t) => {
  const dir = folder(t);
  const [packed, plain] = [path.join(dir, 'packed.log'), path.join(dir, 'plain.gz')];
  // Two members, as `cat a.gz b.gz` makes them.
  writeFileSync(packed, Buffer.concat([gzipSync(`${COMBINED}\n`), gzipSync(`${COMBINED}\n`)]));
  writeFileSync(plain, `${COMMON}\n`);
  assert.deepEqual(
    (await rowsOf([packed, plain])).map((row) => row.status),
    [200, 200, 304],
  );
});

test('a line that lies across the pieces in which a file is read stays whole', async (t) => {
  const file = path.join(folder(t), 'a.log');
  writeFileSync(file, `${COMBINED}\n`.repeat(5000));
  assert.equal((await rowsOf([file])).length, 5000);
});

test('a file without a log line, an empty, a missing and a broken one are errors that name the file', async (t) => {
  const dir = folder(t);
  const make = (name: string, data: string | Buffer): string => {
    writeFileSync(path.join(dir, name), data);
    return path.join(dir, name);
  };
  const cases: [string, LogError['code'], RegExp][] = [
    [make('junk', 'a\nb\n'), 'LOG_NOT_PARSED', /none of its 2 lines.*combined log format/],
    [make('empty', ''), 'LOG_NOT_PARSED', /the file is empty/],
    [path.join(dir, 'missing'), 'LOG_UNREADABLE', /ENOENT/],
    [make('cut.gz', gzipSync(COMBINED).subarray(0, 60)), 'LOG_UNREADABLE', /unexpected end/],
    [dir, 'LOG_UNREADABLE', /EISDIR/],
  ];
  for (const [file, code, message] of cases)
    await assert.rejects(rowsOf([file]), (error: unknown) => {
      assert.ok(error instanceof LogError && error.code === code && error.file === file, String(error));
      assert.match(error.message, message);
      return true;
    });
});

test("an error of the caller stays the caller's", async (t) => {
  const file = path.join(folder(t), 'a.log');
  writeFileSync(file, COMBINED);
  await assert.rejects(
    readLogs([file], () => assert.fail('mine')),
    /^AssertionError.*mine/,
  );
});

test('- is standard input, also when it is gzipped', () => {
  const code = `import { readLogs } from '${new URL('../../train/parse.ts', import.meta.url).href}';
    console.log((await readLogs(['-'], () => {})).rows);`;
  const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    input: gzipSync(`${COMBINED}\n${COMMON}\n`),
    encoding: 'utf8',
  });
  assert.equal(run.stdout.trim(), '2', run.stderr);
});
