/** The options of `npm run bench`. */
import { parseArgs } from 'node:util';

export const SUBJECTS = [
  'throughput',
  'instructions',
  'surroundings',
  'off',
  'latency',
  'flood',
  'scorer',
  'memory',
  'balancer',
] as const;
export type Subject = (typeof SUBJECTS)[number];

export interface Options {
  subjects: readonly Subject[];
  /** Rounds of what is measured by time, and seconds of each measurement in a round. */
  rounds: number;
  seconds: number;
}

export const USAGE = `npm run bench -- [${SUBJECTS.join('|')}|all] [OPTION…]

  throughput    requests/s and CPU time of known clients, beside nginx, HAProxy and the original design
  instructions  user-space instructions of a request above plain nginx's
  surroundings  the same of access lists, pins, the cache, details in the log
  off           user-space instructions of a request with mode: off above plain nginx's
  latency       what Scoregate adds for known clients at half load, and for first-seen ones
  flood         hits of a flood beyond the line that reach a better tier
  scorer        clients a second of the scorer's CPU
  memory        of a client, in the gateway and in Redis
  balancer      one tier, beside nginx and HAProxy: round robin, least connections, cache hits, TLS with HTTP/2,
                and the memory of 10,000 idle connections

  --rounds N    rounds of what is measured by time; figures are medians (default: 5)
  --seconds S   seconds of each measurement in a round (default: 2)
  --help        this text`;

/** An error of the command line; the message says what would be right. */
export class OptionError extends Error {
  readonly code = 'OPTION';
}

/** Reads the command line; null when it asks for help. Throws OptionError. */
export function parseOptions(args: readonly string[]): Options | null {
  const { values, positionals } = parsed(args);
  if (values.help) return null;
  const [subject = 'all', ...more] = positionals;
  const found = SUBJECTS.find((one) => one === subject);
  if (more.length > 0 || (subject !== 'all' && !found)) {
    throw new OptionError(`"${positionals.join(' ')}" is not one of ${SUBJECTS.join(', ')}, all\n\n${USAGE}`);
  }
  return {
    subjects: found ? [found] : SUBJECTS,
    rounds: whole('--rounds', values.rounds ?? '5', 50),
    seconds: whole('--seconds', values.seconds ?? '2', 60),
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new OptionError(`${(error as Error).message.split(/\. |\n/, 1)[0]}\n\n${USAGE}`);
  }
}

function whole(name: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new OptionError(`${name} ${text}: a whole number from 1 to ${most} is needed`);
}
