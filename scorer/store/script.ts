/** A Lua script that Redis runs by its hash, and is given once more when it has forgotten it (flush, restart). */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

export interface Script {
  sha: string;
  source: string;
}

export function script(name: string): Script {
  const source = readFileSync(new URL(name, import.meta.url), 'utf8');
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/** Runs a script on one key. Replies that are strings come as Buffers. */
export async function run(
  redis: Redis,
  { sha, source }: Script,
  key: string,
  args: (string | Buffer | number)[],
): Promise<unknown> {
  try {
    return await redis.callBuffer('EVALSHA', [sha, 1, key, ...args]);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return await redis.callBuffer('EVAL', [source, 1, key, ...args]);
  }
}
