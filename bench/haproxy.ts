/**
 * HAProxy as a peer: one thread. HAProxy cannot write to a file, let alone through a buffer: it writes each line to its
 * standard output, which is a file.
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

/** A backend of one server or of several. */
const backend = (name: string, ports: readonly number[], more: readonly string[] = []): string =>
  [
    `backend ${name}`,
    '  http-reuse always',
    ...more.map((line) => `  ${line}`),
    ...ports.map((port, i) => `  server s${i + 1} 127.0.0.1:${port}`),
  ].join('\n');

interface Frontend {
  /** What follows the address of `bind`. */
  bind?: string;
  /** Lines before a request is changed, and those that say which backend it goes to. */
  rules?: readonly string[];
  route: readonly string[];
  connections?: number;
}

/** What all have in common: limits, log, who the client is, what the backend is told. */
const settings = (
  port: number,
  { bind = '', rules = [], route, connections = 4096 }: Frontend,
): string => `global
  nbthread 1
  maxconn ${connections}
  # It would not start where it may not open twice as many files.
  no strict-limits
  log stdout format raw local0
  ssl-default-bind-options ssl-min-ver TLSv1.2 prefer-client-ciphers
defaults
  unique-id-format %{+X}o%ci%cp%Ts%rt
  mode http
  log global
  timeout connect 1s
  timeout client 75s
  timeout server 60s
frontend public
  bind 127.0.0.1:${port}${bind}
  http-request set-var(txn.client) req.hdr_ip(x-forwarded-for,-1)
${rules.map((line) => `  ${line}\n`).join('')}  http-request capture req.hdr(referer) len 256
  http-request capture req.hdr(user-agent) len 256
  http-request set-header X-Forwarded-For "%[req.hdr(x-forwarded-for)], %[src]"
  http-request set-header X-Forwarded-Proto ${bind === '' ? 'http' : 'https'}
  http-request set-header X-Real-IP %[var(txn.client)]
  http-request del-header X-Tier
  http-request del-header X-Score
${route.map((line) => `  ${line}`).join('\n')}
  log-format '{${FIELDS.join(',')}}'
`;

/**
 * haproxy.cfg with tiers: a stick table counts each client's requests of 60 seconds and chooses the backend by the lines
 * of the model that ships (84 and 156 requests a minute, docs/model.md).
 */
export function haproxyConf(port: number): string {
  const [fast, standard, slow] = PORTS.backends;
  const table = 'stick-table type ip size 200k expire 60s store http_req_rate(60s)';
  const front = settings(port, {
    rules: [table, 'http-request track-sc0 var(txn.client)'],
    route: [
      `use_backend slow if { sc0_http_req_rate gt ${SLOW_FROM} }`,
      `use_backend standard if { sc0_http_req_rate gt ${STANDARD_FROM} }`,
      'default_backend fast',
    ],
  });
  return [front, backend('fast', [fast]), backend('standard', [standard]), backend('slow', [slow]), ''].join(
    '\n',
  );
}

/** What a plain load balancer does. */
export interface Balancing {
  balance: 'roundrobin' | 'leastconn';
  /** Seconds for which answers are kept, in memory: HAProxy has no other cache. */
  cache_s?: number;
  /** A file with certificate and key: TLS, with HTTP/2. */
  pem?: string;
  /** The most connections of clients. */
  connections?: number;
}

/** haproxy.cfg of a plain load balancer over all backends. */
export function haproxyBalancer(
  port: number,
  { balance, cache_s, pem, connections = 4096 }: Balancing,
): string {
  const cached = cache_s !== undefined;
  const cache = `cache small\n  total-max-size 64\n  max-object-size 65536\n  max-age ${cache_s}\n`;
  // It keeps only answers that say for how long; the backend says nothing.
  const fresh = cached ? [`http-response set-header Cache-Control max-age=${cache_s}`] : [];
  const kept = cached ? ['http-request cache-use small', 'http-response cache-store small'] : [];
  const bind = pem === undefined ? {} : { bind: ` ssl crt ${pem} alpn h2,http/1.1` };
  const front = settings(port, { ...bind, connections, route: [...kept, 'default_backend site'] });
  const site = backend('site', PORTS.backends, [`balance ${balance}`, ...fresh]);
  return `${front}${cached ? cache : ''}${site}\n`;
}
