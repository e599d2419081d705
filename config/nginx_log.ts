/** The access log's part of nginx.conf: one JSON object a line. */
import { quoted, type Place } from './nginx_place.ts';
import { configuredPath } from './paths.ts';
import type { Config } from './schema.ts';

const FIELDS = [
  '"time":"$time_ms"',
  '"request_id":"$request_id"',
  '"client":"$remote_addr"',
  '"method":"$request_method"',
  '"uri":"$request_uri"',
  '"protocol":"$server_protocol"',
  '"status":$status',
  '"bytes":$bytes_sent',
  '"duration_s":$request_time',
  '"tier":"$tier"',
  '"score":$score_number',
  '"origin":"$origin"',
  '"wait_ms":$wait_number',
  '"tier_would":"$tier_would"',
  '"upstream":"$upstream_addr"',
  '"upstream_status":"$upstream_status"',
  '"upstream_s":"$upstream_response_time"',
  '"referer":"$http_referer"',
  '"user_agent":"$http_user_agent"',
];

/** The format of a line, and the variables that it needs. */
export function logFormat(): string {
  return `# nginx has the time in ISO 8601 without, and the seconds since 1970 with, milliseconds.
map "$time_iso8601 $msec" $time_ms {
  "~^(?<time_date>[^ ]+)(?<time_zone>[+-]\\d\\d:\\d\\d) \\d+(?<time_part>\\.\\d+)$" $time_date$time_part$time_zone;
  default $time_iso8601;
}
map $score $score_number {
  "" null;
  default $score;
}
# A header with an empty value is not sent: nobody without a verdict gets an X-Score.
map $score $score_known {
  null "";
  default $score;
}
map $wait_ms $wait_number {
  "" 0;
  default $wait_ms;
}
log_format scoregate escape=json '{${FIELDS.join(',')}}';`;
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
  return targets.map((target) => `access_log ${target} scoregate buffer=64k flush=1s;`).join('\n');
}
