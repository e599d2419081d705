/** The command line and the environment of one node. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isLoopback } from '../config/formats.ts';

export const USAGE = `node --import tsx backends/server.ts --port N [OPTION…]

  --port N         where it listens; 0 for any free port
  --host ADDRESS   the local address (default: 127.0.0.1)
  --name NAME      what it calls itself (default: demo)
  --log            the access log on standard output
  --log-file FILE  the access log in a file (both may be)
  --rates FILE     the exchange rates (default: backends/rates.json)
  --every-path     every address exists, for measurements and tests; on loopback only
  --help           this text

DEMO_SECRET, a variable of the environment: who sends it as X-Demo-Secret may tell the node how to behave, from
another machine too. Without it only this machine may.`;

export interface ServerOptions {
  port: number;
  host: string;
  name: string;
  log: boolean;
  logFile: string | null;
  rates: string;
  everyPath: boolean;
  secret: string | null;
}

const SHORTEST_SECRET = 16;

/** An error of the command line or the environment; the message says what would be right. */
export class OptionError extends Error {
  readonly code = 'OPTION';
}

/** @returns null for --help @throws OptionError for an unknown option, a missing or a wrong value */
export function parseOptions(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): ServerOptions | null {
  const values = parsed(args);
  if (values.help) return null;
  const { host, name, log, rates } = values;
  const everyPath = values['every-path'];
  if (!/^[\w.-]{1,64}$/.test(name)) {
    throw new OptionError(
      `--name ${name}: 1 to 64 letters, digits, _, - and . are needed, for example --name fast`,
    );
  }
  if (everyPath && !isLoopback(host)) {
    throw new OptionError(
      `--every-path with --host ${host}: it is for loopback only, for example --host 127.0.0.1`,
    );
  }
  return {
    port: portNumber(values.port),
    host,
    name,
    log,
    logFile: values['log-file'] ?? null,
    rates,
    everyPath,
    secret: secretOf(environment),
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        host: { type: 'string', default: '127.0.0.1' },
        name: { type: 'string', default: 'demo' },
        log: { type: 'boolean', default: false },
        'log-file': { type: 'string' },
        rates: { type: 'string', default: join(import.meta.dirname, 'rates.json') },
        'every-path': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new OptionError(`${(error as Error).message.split(/\. |\n/, 1)[0]}\n\n${USAGE}`);
  }
}

function portNumber(text = ''): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65535) return port;
  throw new OptionError(
    `--port${text && ` ${text}`}: a number from 0 to 65535 is needed, for example --port 8081`,
  );
}

/** An empty variable is as good as none. */
function secretOf(environment: NodeJS.ProcessEnv): string | null {
  const secret = environment['DEMO_SECRET'] ?? '';
  if (secret === '') return null;
  if (secret.length >= SHORTEST_SECRET && /^[\x21-\x7e]+$/.test(secret)) return secret;
  throw new OptionError(
    `DEMO_SECRET: ${SHORTEST_SECRET} or more visible ASCII characters are needed, for example of openssl rand -hex 16`,
  );
}
