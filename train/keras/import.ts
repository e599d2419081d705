/** `npm run import-keras`: the command line around convert.ts. */
import { UsageError } from '../options.ts';
import { convert } from './convert.ts';
import { KerasError } from './error.ts';
import { USAGE, options } from './options.ts';

try {
  const chosen = options(process.argv.slice(2));
  console.log(
    chosen
      ? await convert(chosen).catch((error: unknown) => {
          // What is read is JSON and HDF5 of any kind: not each of its values is looked at before it is used.
          const strange = error instanceof TypeError || error instanceof RangeError;
          if (!strange) throw error;
          const reason = `is not as Keras saves models (${error.message})`;
          throw new KerasError(chosen.file, reason, 'save it again with model.save()');
        })
      : USAGE,
  );
} catch (error) {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const usage = error instanceof UsageError || code.startsWith('ERR_PARSE_ARGS');
  console.error(`import-keras: ${message}`);
  if (usage) console.error(USAGE);
  process.exit(usage ? 2 : 1);
}
