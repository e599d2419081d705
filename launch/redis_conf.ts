/** redis.conf: a file of its own, since a password must not stand on a command line. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { RedisAddress } from '../config/formats.ts';
import type { Config } from '../config/schema.ts';

/** Writes what is the same wherever this Redis runs, and `own`: lines for where it listens and writes. */
export function writeRedisConf(
  file: string,
  config: Config,
  address: RedisAddress,
  own: readonly string[],
): void {
  const password = address.password === null ? [] : [`requirepass ${JSON.stringify(address.password)}`];
  const lines = [
    ...own,
    `port ${address.port}`,
    'daemonize no',
    // Windows last a minute: nothing here is worth writing to a disk.
    'save ""',
    'appendonly no',
    `maxmemory ${config.limits.redis_memory}`,
    // Clients' windows expire by themselves and may go early; pins have no expiry and must not.
    'maxmemory-policy volatile-lru',
    ...password,
  ];
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
}
