/** `npm run pool`: shows the pools of the running gateway and changes them, without a reload. */
import { parseArgs } from 'node:util';
import { ConfigError } from '../config/read.ts';
import { AdminError, adminOf, changePool, poolStatus } from './admin.ts';
import { poolTables } from './pool_table.ts';

const USAGE = `npm run pool -- list [TIER]
npm run pool -- add TIER BACKEND [--weight N] [--max-connections N] [--backup]
npm run pool -- weight TIER BACKEND N
npm run pool -- remove|drain|maintenance|ready TIER BACKEND

  --run DIR   the run folder of the gateway (default: run)`;

class UsageError extends Error {}

const ACTIONS = ['add', 'remove', 'weight', 'drain', 'maintenance', 'ready'];

async function pool(args: string[]): Promise<void> {
  const { values, positionals } = parsed(args);
  if (values.help) return console.log(USAGE);
  const [action = 'list', tier, backend, ...rest] = positionals;
  const isAdded = values.weight ?? values['max-connections'] ?? values.backup;
  if (isAdded !== undefined && action !== 'add')
    throw new UsageError('--weight, --max-connections and --backup are for add');
  if (action === 'list') {
    if (backend !== undefined) throw new UsageError('list takes one tier or none');
    const all = await poolStatus(adminOf(values.run));
    const chosen = all.filter((one) => tier === undefined || one.tier === tier);
    if (tier !== undefined && chosen.length === 0) {
      throw new AdminError(
        `nothing is known of a tier ${tier}: nginx balances it, or there is none of that name`,
      );
    }
    console.log(poolTables(chosen));
    return;
  }
  if (!ACTIONS.includes(action))
    throw new UsageError(`"${action}" is not one of list, ${ACTIONS.join(', ')}`);
  if (tier === undefined || backend === undefined)
    throw new UsageError(`${action} needs a tier and a backend`);
  const weight = action === 'weight' ? rest.shift() : values.weight;
  if (rest.length > 0) throw new UsageError(`"${rest.join(' ')}" is too much`);
  if (action === 'weight' && weight === undefined)
    throw new UsageError('weight needs a number, after the backend');
  await changePool(adminOf(values.run), action, {
    tier,
    backend,
    ...(weight === undefined ? {} : { weight }),
    ...(values['max-connections'] === undefined ? {} : { max_connections: values['max-connections'] }),
    ...(values.backup ? { backup: '1' } : {}),
  });
  console.log(`tier ${tier}: ${action} ${backend}: done`);
}

function parsed(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        run: { type: 'string' },
        weight: { type: 'string' },
        'max-connections': { type: 'string' },
        backup: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message.split(/\. |\n/, 1)[0]);
  }
}

try {
  await pool(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exitCode = 2;
  } else if (error instanceof AdminError || error instanceof ConfigError) {
    console.error(error.message);
    process.exitCode = 1;
  } else throw error;
}
