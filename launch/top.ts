/** `npm run top`: the pools of the running gateway, once a second, until Ctrl-C. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '../config/read.ts';
import { AdminError, adminOf, poolStatus } from './admin.ts';
import { poolTables } from './pool_table.ts';
import { optionsOf } from './usage.ts';

const USAGE = `npm run top [-- OPTION…]

  --once      the table once, and no more
  --run DIR   the run folder of the gateway (default: run)`;

/** Home, and what was there goes (ECMA-48: CUP, ED). */
const CLEAR = '\x1b[H\x1b[J';

async function top(): Promise<void> {
  const values = optionsOf(USAGE, { run: { type: 'string' }, once: { type: 'boolean' } });
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
  await top();
} catch (error) {
  if (error instanceof AdminError || error instanceof ConfigError) {
    console.error(error.message);
    process.exitCode = 1;
  } else throw error;
}
