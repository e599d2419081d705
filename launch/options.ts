/** The options of `npm start`. */
import { parseArgs } from 'node:util';

export interface Options {
  help: boolean;
  config?: string;
  run?: string;
  port?: number;
}

export const USAGE = `npm start -- [OPTION…]

  --config FILE   the configuration (default: scoregate.yaml)
  --port N        the public port, instead of the configuration's listen.port
  --run DIR       the folder for logs, process ids, the secret and Redis (default: run)
  --help          this text`;

/** An error of the command line; the message says what would be right. */
export class OptionError extends Error {
  readonly code = 'OPTION';
}

/** Reads the options. Throws OptionError for an unknown one, a missing or a wrong value. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parsed(args);
  const options: Options = { help: values.help ?? false };
  if (values.config !== undefined) options.config = values.config;
  if (values.run !== undefined) options.run = values.run;
  if (values.port !== undefined) options.port = portNumber(values.port);
  return options;
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        port: { type: 'string' },
        run: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    // Node's own hint about positional arguments after "--" is of no use behind `npm start --`.
    const what = (error as Error).message.split(/\. |\n/, 1)[0];
    throw new OptionError(`${what}\n\n${USAGE}`);
  }
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65535) return port;
  throw new OptionError(`--port ${text}: a number from 1 to 65535 is needed, for example --port 9000`);
}
