/** `npm run import-keras`: the command line around convert.ts. */
import { UsageError } from '../options.ts';
import { convert } from './convert.ts';
import { USAGE, options } from './options.ts';

try {
  const chosen = options(process.argv.slice(2));
  console.log(chosen ? await convert(chosen) : USAGE);
} catch (error) {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const usage = error instanceof UsageError || code.startsWith('ERR_PARSE_ARGS');
  console.error(`import-keras: ${message}`);
  if (usage) console.error(USAGE);
  process.exit(usage ? 2 : 1);
}
