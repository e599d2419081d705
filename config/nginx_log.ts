/** The access log's part of nginx.conf: one JSON object a line, or the combined log format. */
import { caches } from './nginx_cache.ts';
import { quoted, type Place } from './nginx_place.ts';
import { hasTls } from './nginx_tls.ts';
import { verdictFields } from './nginx_verdict.ts';
import { configuredPath } from './paths.ts';
import type { Config } from './schema.ts';

/**
 * Only what nginx has at hand: each field is made for every request, by every log. Hence two fields for the time
 * (nginx has it in ISO 8601 without milliseconds, and as a number with them), and an id that counts: 128 random bits
 * would cost more than all other fields together.
 */
const fields = (config: Config, place: Place): string[] => [
  '"time":"$time_iso8601"',
  '"timestamp":$msec',
  `"request_id":"${place.start}-$connection-$connection_requests"`,
  '"client":"$remote_addr"',
  '"method":"$request_method"',
  '"uri":"$request_uri"',
  '"protocol":"$server_protocol"',
  `"status":${status(config)}`,
  '"bytes":$bytes_sent',
  '"duration_s":$request_time',
  ...verdictFields(config),
  '"upstream":"$upstream_addr"',
  '"upstream_status":"$upstream_status"',
  '"upstream_s":"$upstream_response_time"',
  ...(caches(config) ? ['"cache":"$upstream_cache_status"'] : []),
  '"referer":"$http_referer"',
  '"user_agent":"$http_user_agent"',
];

/**
 * nginx writes 000 for a request of HTTP/2 that cannot be read: no number of JSON, and any client can have it written.
 * 1,300 instructions, so not where there is no HTTP/2.
 */
const status = (config: Config): string => (hasTls(config) ? '$status_number' : '$status');

const STATUS_NUMBER = `map $status $status_number {
  000 0;
  009 9;
  default $status;
}
`;

/** Whether lines hold what only Lua can put there: headers, bodies (lua/scoregate/details.lua). */
export const logsDetails = ({ logs }: Config): boolean => logs.headers || logs.body_bytes > 0;

/** The fields as JSON with nginx's variables in it, less the braces. */
const template = (config: Config, place: Place): string => fields(config, place).join(',');

/** The format of a line. */
export function logFormat(config: Config, place: Place): string {
  if (config.logs.format === 'combined') return ''; // nginx has that one
  const line = logsDetails(config) ? "escape=none '$log_line'" : `escape=json '{${template(config, place)}}'`;
  return `${hasTls(config) ? STATUS_NUMBER : ''}log_format scoregate ${line};`;
}

/** What Lua must know to make the lines; null where nginx makes them. */
export function logDetails(config: Config, place: Place) {
  if (!logsDetails(config)) return null;
  const { headers, masked, body_bytes } = config.logs;
  const names = masked.map((name) => name.toLowerCase());
  return { template: template(config, place), headers, masked: names, body_bytes };
}

/** The directive for the error log of the configuration. */
export function errorLog(config: Config, place: Place): string {
  const { error } = config.logs;
  return `error_log ${error === 'stderr' ? error : quoted(configuredPath(error, place.run))} warn;`;
}

/** Where the lines go: the file, standard output, both or neither. */
export function logs(config: Config, place: Place): string {
  const file = config.logs.access === 'off' ? [] : [quoted(configuredPath(config.logs.access, place.run))];
  const targets = [...file, ...(config.logs.stdout && place.stdout ? ['/dev/stdout'] : [])];
  if (targets.length === 0) return 'access_log off;';
  const name = config.logs.format === 'combined' ? 'combined' : 'scoregate';
  return targets.map((target) => `access_log ${target} ${name} buffer=64k flush=1s;`).join('\n');
}
