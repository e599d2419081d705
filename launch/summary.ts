/** What `npm start` prints once everything is ready: what runs where, and what to try. */
import { isIP } from 'node:net';
import { relative } from 'node:path';
import { namesOf, readCertificate } from '../config/certificate.ts';
import { scores } from '../config/mode.ts';
import { redirects } from '../config/nginx_tls.ts';
import { configuredPath } from '../config/paths.ts';
import { backendsOf } from '../config/pool.ts';
import type { Config } from '../config/schema.ts';
import { backendParts, type Surroundings } from './parts.ts';
import { reachable } from './ports.ts';

/** The text; `seconds` is how long the start took. */
export function summary(config: Config, { run, nginx }: Surroundings, seconds: number): string {
  const gateway = url(config.listen.address, config.listen.port);
  const demo = new Set(
    backendParts(config, run).flatMap((part) => part.listens.map((at) => `${at.host}:${at.port}`)),
  );
  const kind = `${nginx.openresty ? 'OpenResty' : 'nginx'} ${nginx.version.join('.')} with Lua`;
  const nodes = demo.size === 0 || config.logs.backends === 'off' ? [] : [config.logs.backends];
  const rows = [
    ['gateway', gateway, kind],
    ...certificates(config, run),
    ['metrics', `http://${config.admin}/metrics`, 'and /status'],
    ...scoring(config),
    ...config.tiers.map((tier) => {
      const backends = backendsOf(tier).map(({ address }) => address);
      const demos = backends.some((backend) => demo.has(backend));
      return [`tier ${tier.name}`, backends.join(', '), demos ? 'demo application' : ''];
    }),
    ['logs', [config.logs.access, config.logs.error, ...nodes].map((log) => shown(log, run)).join(', '), ''],
  ];
  const widths = [0, 1].map((i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const lines = rows.map((row) =>
    `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd(),
  );
  return `\nScoregate is ready (${seconds.toFixed(1)} s).\n\n${lines.join('\n')}\n\n${toTry(config, gateway, run)}\n`;
}

/** Who scores, and where from. */
function scoring(config: Config): string[][] {
  if (!scores(config)) return [['scoring', 'off', `everybody goes to the tier ${config.default_tier}`]];
  return [
    ['scorer', `http://${config.scorer.listen}`, '/score_ip, /health, /model, /metrics'],
    ['windows', config.redis === 'memory' ? 'in the scorer' : safe(config.redis), ''],
  ];
}

/** A row for each certificate: whom it serves and until when. */
function certificates({ listen, tls }: Config, run: string): string[][] {
  return tls.certificates.map(({ certificate }, i) => {
    const found = readCertificate(configuredPath(certificate, run));
    const until = new Date(found.validTo);
    const valid = `${until.getTime() < Date.now() ? 'EXPIRED on' : 'until'} ${until.toISOString().slice(0, 10)}`;
    const at = i === 0 ? url(listen.address, tls.port, 'https') : '';
    return ['', at, `TLS for ${namesOf(found).join(', ') || 'any name'}, ${valid}`];
  });
}

function toTry(config: Config, plain: string, run: string): string {
  const { listen, tls } = config;
  // A redirect has no tier to show; the certificate is for other names than this address.
  const [gateway, curl] = redirects(config)
    ? [url(listen.address, tls.port, 'https'), 'curl -k']
    : [plain, 'curl'];
  const trusting = config.trusted_proxies.some((network) => /^127\.|^::1/.test(network));
  // Where loopback may speak for others, the flood comes from an example address (RFC 5737) and not from you.
  const client = trusting ? '203.0.113.9' : '127.0.0.1';
  const as = trusting ? ` -H 'X-Forwarded-For: ${client}'` : '';
  const flood = config.headers.tier
    ? `${curl} -s -o /dev/null -D -${as} '${gateway}/?[1-600]' | grep -i x-tier | uniq -c`
    : `${curl} -s -o /dev/null${as} '${gateway}/?[1-600]'${lastLine(config, run)}`;
  const verdicts = `
  2. a flood, and where it ends up:  ${flood}
  3. why, in the scorer's words:     curl -s 'http://${config.scorer.listen}/score_ip?ip=${client}&explain=1'`;
  return `${scores(config) ? 'Three things' : 'One thing'} to try:
  1. one request, as anybody:        ${curl} -i ${gateway}/${scores(config) ? verdicts : ''}

Ctrl-C stops all of it; npm run reload applies a changed configuration.`;
}

const lastLine = ({ logs }: Config, run: string): string =>
  logs.access === 'off' ? '' : `; sleep 1; tail -n 1 ${shown(logs.access, run)}`;

function url(host: string, port: number, scheme = 'http'): string {
  const at = reachable(host);
  return `${scheme}://${isIP(at) === 6 ? `[${at}]` : at}:${port}`;
}

/** A Redis URL without its password. */
const safe = (text: string): string => text.replace(/\/\/[^@/]*@/, '//…@');

function shown(log: string, run: string): string {
  if (log === 'off') return 'no access log';
  if (log === 'stderr') return 'standard error';
  const path = configuredPath(log, run);
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}
