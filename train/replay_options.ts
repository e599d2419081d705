/** The options of `npm run replay`. */
import { parseArgs } from 'node:util';
import type { Config } from '../config/schema.ts';
import { parseDuration, parseMoment, PlanError } from './replay_plan.ts';

export interface ReplayOptions {
  file: string;
  from: number;
  to: number;
  /** Seconds; null to take `from` and `to`. */
  busiest: number | null;
  gateway: URL;
  scorer: URL;
  speed: number;
}

export const USAGE = `npm run replay -- FILE [OPTION…]

  FILE             an access log (as npm run train reads), plain or gzipped; - is standard input
  --from TIME      from this time on, for example 2019-10-15T11:40:00+02:00
  --to TIME        up to this time
  --busiest SPAN   instead: the SPAN with the most requests, for example 90s, 10m, 1h
  --gateway URL    where to send (default: the configuration's port on this machine, http://127.0.0.1:8080)
  --scorer URL     whom to ask (default: the configuration's scorer.listen, http://127.0.0.1:5000)
  --speed N        N times the log's own pace (default: 1)
  --help           this text`;

function parsed(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const;
    return parseArgs({
      args: [...args],
      options: {
        from: text,
        to: text,
        busiest: text,
        gateway: text,
        scorer: text,
        speed: text,
        help: { type: 'boolean', short: 'h' },
      },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    // Node's own hint about positional arguments after "--" is of no use behind `npm run replay --`.
    throw new PlanError(`${(error as Error).message.split(/\. |\n/, 1)[0]}\n\n${USAGE}`);
  }
}

function urlOf(option: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol === 'http:' && url.pathname === '/' && url.search === '') return url;
  throw new PlanError(`${option} ${text}: not an address; write for example http://127.0.0.1:8080`);
}

function speedOf(text: string): number {
  const speed = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && speed > 0 && speed <= 10_000) return speed;
  throw new PlanError(`--speed ${text}: a number above 0 and up to 10000 is needed, for example --speed 10`);
}

/**
 * @returns null if only help was asked for
 * @throws PlanError for an unknown option or a wrong value; the message says what would be right
 */
export function replayOptions(
  args: readonly string[],
  config: Pick<Config, 'listen' | 'scorer'>,
): ReplayOptions | null {
  const { values, positionals } = parsed(args);
  if (values.help === true) return null;
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0)
    throw new PlanError(`one FILE is needed, ${positionals.length} were given\n\n${USAGE}`);
  if (values.busiest !== undefined && (values.from !== undefined || values.to !== undefined))
    throw new PlanError('--busiest chooses the range itself: leave out --from and --to, or --busiest');
  const from = values.from === undefined ? -Infinity : parseMoment('--from', values.from);
  const to = values.to === undefined ? Infinity : parseMoment('--to', values.to);
  if (from >= to) throw new PlanError(`--from ${values.from} is not before --to ${values.to}`);
  return {
    file,
    from,
    to,
    busiest: values.busiest === undefined ? null : parseDuration(values.busiest),
    gateway: urlOf('--gateway', values.gateway ?? `http://127.0.0.1:${config.listen.port}`),
    scorer: urlOf('--scorer', values.scorer ?? `http://${config.scorer.listen}`),
    speed: speedOf(values.speed ?? '1'),
  };
}
