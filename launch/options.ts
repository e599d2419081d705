/** The options of `npm start`. */
import { parseArgs } from 'node:util';
import { DEV_CERTIFICATE } from './tls_dev.ts';
import type { Overrides } from '../config/schema.ts';

export interface Options {
  help: boolean;
  config?: string;
  run?: string;
  port?: number;
  /** Seconds; turns the cache on. */
  cacheTtl?: number;
  /** TLS with a certificate of this machine's own making. */
  tlsDev?: boolean;
}

export const USAGE = `npm start -- [OPTION…]

  --config FILE   the configuration (default: scoregate.yaml)
  --port N        the public port, instead of the configuration's listen.port
  --cache-ttl N   keep answers of the backends on disk, for N seconds where they do not say how long
  --tls-dev       TLS on tls.port with a self-signed certificate, made in the run folder
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
  if (values['tls-dev']) options.tlsDev = true;
  if (values['cache-ttl'] !== undefined) options.cacheTtl = seconds(values['cache-ttl']);
  return options;
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        port: { type: 'string' },
        'cache-ttl': { type: 'string' },
        'tls-dev': { type: 'boolean' },
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

/** What the options change of the configuration. */
export function overrides({ port, cacheTtl, tlsDev }: Options): Overrides {
  return {
    ...(port === undefined ? {} : { listen: { port } }),
    // No redirect: programs that do not know the certificate can go on with plain HTTP.
    ...(tlsDev ? { tls: { certificates: [DEV_CERTIFICATE], redirect: false } } : {}),
    ...(cacheTtl === undefined ? {} : { cache: { enabled: true, ttl_s: cacheTtl } }),
  };
}

function seconds(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= 31_536_000) return value;
  throw new OptionError(
    `--cache-ttl ${text}: a number of seconds from 1 on is needed, for example --cache-ttl 30`,
  );
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port >= 1 && port <= 65535) return port;
  throw new OptionError(`--port ${text}: a number from 1 to 65535 is needed, for example --port 9000`);
}
