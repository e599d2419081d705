/**
 * HAProxy as a peer: one thread; a stick table counts each client's requests of 60 seconds and chooses the backend by
 * the lines of the model that ships (84 and 156 requests a minute, docs/model.md). HAProxy cannot write to a file, let
 * alone through a buffer: it writes each line to its standard output, which is a file.
 */
import { PORTS } from './stand.ts';

const STANDARD_FROM = 84;
const SLOW_FROM = 156;

// The fields of config/nginx_log.ts, as far as HAProxy has them, in its names.
const FIELDS = [
  '"time":"%tr"',
  '"request_id":"%ID"',
  '"client":"%[var(txn.client)]"',
  '"method":"%HM"',
  '"uri":"%[capture.req.uri,json(utf8s)]"',
  '"protocol":"%HV"',
  '"status":%ST',
  '"bytes":%B',
  '"duration_s":%Ta',
  '"tier":"%b"',
  '"score":null',
  '"origin":"leased"',
  '"wait_ms":0',
  '"tier_would":""',
  '"upstream":"%si:%sp"',
  '"upstream_status":"%ST"',
  '"upstream_s":"%Tr"',
  '"referer":"%[capture.req.hdr(0),json(utf8s)]"',
  '"user_agent":"%[capture.req.hdr(1),json(utf8s)]"',
];

const backend = (name: string, port: number): string => `backend ${name}
  http-reuse always
  server one 127.0.0.1:${port}`;

/** haproxy.cfg. */
export function haproxyConf(port: number): string {
  const [fast, standard, slow] = PORTS.backends;
  return `global
  nbthread 1
  maxconn 4096
  log stdout format raw local0
defaults
  unique-id-format %{+X}o%ci%cp%Ts%rt
  mode http
  log global
  timeout connect 1s
  timeout client 75s
  timeout server 60s
frontend public
  bind 127.0.0.1:${port}
  stick-table type ip size 200k expire 60s store http_req_rate(60s)
  http-request set-var(txn.client) req.hdr_ip(x-forwarded-for,-1)
  http-request track-sc0 var(txn.client)
  http-request capture req.hdr(referer) len 256
  http-request capture req.hdr(user-agent) len 256
  http-request set-header X-Forwarded-For "%[req.hdr(x-forwarded-for)], %[src]"
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Real-IP %[var(txn.client)]
  http-request del-header X-Tier
  http-request del-header X-Score
  use_backend slow if { sc0_http_req_rate gt ${SLOW_FROM} }
  use_backend standard if { sc0_http_req_rate gt ${STANDARD_FROM} }
  default_backend fast
  log-format '{${FIELDS.join(',')}}'
${backend('fast', fast)}
${backend('standard', standard)}
${backend('slow', slow)}
`;
}
