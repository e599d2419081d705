/** Access logs to replay. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext } from 'node:test';

export const START = Date.UTC(2024, 0, 1) / 1000;

export function line(
  client: string,
  second: number,
  request = 'GET / HTTP/1.1',
  status = 200,
  bytes = 10,
): string {
  const at = new Date((START + second) * 1000).toISOString();
  return `${client} - - [01/Jan/2024:${at.slice(11, 19)} +0000] "${request}" ${status} ${bytes} "http://e/" "agent"`;
}
export function logOf(t: TestContext, lines: string[]): string {
  const dir = mkdtempSync(path.join(tmpdir(), 'scoregate-replay-'));
  t.after(() => rmSync(dir, { recursive: true }));
  writeFileSync(path.join(dir, 'a.log'), lines.join('\n'));
  return path.join(dir, 'a.log');
}
