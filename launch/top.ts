/** `npm run top`: the pools of the running gateway, once a second, until Ctrl-C. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ConfigError } from '../config/read.ts';
import { AdminError, adminOf, poolStatus } from './admin.ts';
import { poolTables } from './pool_table.ts';

/** Home, and what was there goes (ECMA-48: CUP, ED). */
const CLEAR = '\x1b[H\x1b[J';

async function top(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { run: { type: 'string' }, once: { type: 'boolean' } } });
  const admin = adminOf(values.run);
  for (;;) {
    const text = poolTables(await poolStatus(admin));
    if (values.once) {
      console.log(text);
      return;
    }
    process.stdout.write(`${CLEAR}${new Date().toLocaleTimeString()}  ${admin}  Ctrl-C ends\n\n${text}\n`);
    await sleep(1000);
  }
}

try {
  await top(process.argv.slice(2));
} catch (error) {
  if (error instanceof AdminError || error instanceof ConfigError) {
    console.error(error.message);
    process.exitCode = 1;
  } else throw error;
}
