/** The options of the small commands (`npm run reload`, `npm run top`): what is wrong with them ends the process with 2. */
import { parseArgs, type ParseArgsConfig } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;

/** The values of the options; no other argument is taken. A wrong one, and --help, end the process. */
export function optionsOf<const T extends Options>(usage: string, options: T) {
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean' } } });
    if (!('help' in values)) return values;
    console.log(usage);
    return process.exit(0);
  } catch (error) {
    // Node's own hint about positional arguments after "--" is of no use behind `npm run … --`.
    console.error(`${(error as Error).message.split(/\. |\n/, 1)[0]}\n\n${usage}`);
    return process.exit(2);
  }
}
