/** The text forms that single values of scoregate.yaml may have. Each answers null, or what is wrong with it. */
import ipaddr from 'ipaddr.js';
import { isIP } from 'node:net';

export interface Endpoint {
  host: string;
  port: number;
}

/** Splits `HOST:PORT` (`[v6]:PORT` for IPv6; the host comes back without brackets); null if it is not that. */
export function endpoint(text: string): Endpoint | null {
  const found = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  if (!found) return null;
  const host = found[1] ?? found[2] ?? '';
  const port = Number(found[3]);
  if (port < 1 || port > 65535) return null;
  if (found[1] !== undefined) return isIP(host) === 6 ? { host, port } : null;
  // A name made of digits and dots only is a mistyped IPv4 address, never a host name.
  if (/^[\d.]+$/.test(host) && isIP(host) !== 4) return null;
  return /^[-.]|[-.]$|\.\./.test(host) ? null : { host, port };
}

/** An address, with a port when that is not 53; null if it is not that. */
export function nameServer(text: string): Endpoint | null {
  if (isIP(text) !== 0) return text.includes('%') ? null : { host: text, port: 53 };
  const at = endpoint(text);
  return at && isIP(at.host) !== 0 ? at : null;
}

export interface Backend extends Endpoint {
  tls: boolean;
}

/** `HOST:PORT`, `http://HOST[:PORT]` or `https://HOST[:PORT]`; null if it is none of them. */
export function backend(text: string): Backend | null {
  const [, scheme = 'http', rest = ''] = /^(?:(https?):\/\/)?(.*)$/.exec(text) ?? [];
  const tls = scheme === 'https';
  const bare = text.includes('://') && !/:\d+$/.test(rest.replace(/\[.*\]/, ''));
  const at = endpoint(bare ? `${rest}:${tls ? 443 : 80}` : rest);
  return at && { ...at, tls };
}

/** Whether the host of an endpoint is this machine's loopback. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function hostPortProblem(text: string): string | null {
  if (endpoint(text)) return null;
  if (isIP(text) === 6) return `an IPv6 address is written in brackets, with a port: [${text}]:8081`;
  if (/^[a-z]+:\/\//.test(text)) return 'no scheme is written here, only HOST:PORT';
  if (!/:\d+$/.test(text)) return 'the port is missing';
  const port = Number(text.slice(text.lastIndexOf(':') + 1));
  if (port < 1 || port > 65535) return `a port is from 1 to 65535, not ${port}`;
  return 'the host is not an address or a name';
}

function backendProblem(text: string): string | null {
  if (backend(text)) return null;
  if (!text.includes('://')) return hostPortProblem(text);
  if (/^[a-z0-9]+:\/\//.test(text) && !/^https?:/.test(text)) return 'a backend speaks http:// or https://';
  if (/^https?:\/\/[^/]*\//.test(text)) return 'a backend has no path: end it before the /';
  return 'the host is not an address or a name';
}

/** What nginx would take for syntax in a path. */
export const NGINX_SYNTAX = /["'\\$;?{}\n]/;

/** `everybody` is what is wrong with a network that holds every address. */
function cidrProblem(text: string, everybody: string): string | null {
  const [address = '', bits, ...rest] = text.split('/');
  // ipaddr.js also takes forms such as 127.1 or 0x7f.1, which nginx does not.
  if (isIP(address) === 0 || address.includes('%') || rest.length > 0) return 'that is not an address';
  if (isMapped(address)) return 'addresses of IPv4 are compared as such; write it as one of IPv4';
  if (bits === undefined) return null;
  const most = isIP(address) === 4 ? 32 : 128;
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > most) return `after the / comes a number from 1 to ${most}`;
  if (Number(bits) === 0) return everybody;
  const network = networkOf(address, Number(bits));
  const given = ipaddr.parse(address).toNormalizedString();
  return network === given ? null : `bits beyond the /${bits} are set; the network is ${network}/${bits}`;
}

const isMapped = (address: string): boolean => {
  const parsed = ipaddr.parse(address);
  return parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress();
};

/** A network, or a single address, in the one form that all ways to write it have. */
export function canonicalNetwork(text: string): string {
  const [address = '', bits] = text.split('/');
  const length = bits ?? (isIP(address) === 4 ? '32' : '128');
  return `${ipaddr.parse(address).toNormalizedString()}/${length}`;
}

function networkOf(address: string, bits: number): string {
  const parsed = ipaddr.parse(address);
  const bytes = parsed.toByteArray().map((byte, i) => {
    const kept = Math.min(8, Math.max(0, bits - 8 * i));
    return byte & (0xff << (8 - kept));
  });
  return ipaddr.fromByteArray(bytes).toNormalizedString();
}

function pathProblem(text: string): string | null {
  if (!text.startsWith('/')) return 'a path begins with /';
  if (/[?#]/.test(text)) return 'a path ends before the ? and the #';
  // nginx compares with the decoded path, and reads these as syntax.
  if (/[\s"'\\{};$%]|[^\x20-\x7e]/.test(text)) return 'it holds a space, a quote or one of \\ { } ; $ %';
  return /\/\.{0,2}\//.test(text)
    ? 'nginx looks at paths after it has resolved //, /./ and /../ in them'
    : null;
}

export interface RedisAddress extends Endpoint {
  password: string | null;
}

/** Host and port of a Redis URL (port 6379 when it names none); null for `memory` and for what is no such URL. */
export function redisAddress(text: string): RedisAddress | null {
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (host === '') return null;
  const password = url.password === '' ? null : decodeURIComponent(url.password);
  return { host, port: url.port === '' ? 6379 : Number(url.port), password };
}

function redisProblem(text: string): string | null {
  if (text === 'memory' || redisAddress(text)) return null;
  if (endpoint(text)) return `the scheme is missing: redis://${text}`;
  return 'that is neither';
}

const MOST_BYTES = 2 ** 50;
const amountProblem =
  (least: number) =>
  (text: string): string | null => {
    if (!/^\d+(kb|mb|gb)$/i.test(text)) return 'a number and its unit (kb, mb or gb) are needed';
    const bytes = memoryBytes(text);
    if (bytes > MOST_BYTES) return 'that is too much';
    return bytes >= least ? null : 'that is too little';
  };

/** `256mb` as bytes, with Redis's meaning of the units (kb = 1024); NaN when it is no amount. */
export function memoryBytes(text: string): number {
  const found = /^(\d+)(kb|mb|gb)$/i.exec(text);
  return Number(found?.[1]) * 1024 ** (['kb', 'mb', 'gb'].indexOf(found?.[2]?.toLowerCase() ?? '') + 1);
}

/** One function for each `format` of the schema: null when the text is right, else what is wrong. */
export const formatProblem: Record<string, (text: string) => string | null> = {
  host_port: hostPortProblem,
  cidr: (text) => cidrProblem(text, 'this would believe everybody, and anyone could forge the address'),
  network: (text) => cidrProblem(text, 'every address is meant by the key default: allow or deny'),
  path: pathProblem,
  file: (text) => (NGINX_SYNTAX.test(text) ? 'it holds a quote or one of \\ $ ; ? { }' : null),
  backend: backendProblem,
  check_path: (text) => (/^\/[!-~]*$/.test(text) ? null : 'it begins with / and has no spaces'),
  // RFC 9110, 5.6.2
  header_name: (text) => (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text) ? null : 'that is not one'),
  media_type: (text) => (/^[a-z]+\/[a-z0-9][a-z0-9.+-]*$/.test(text) ? null : 'that is not one'),
  host_name: (text) => (isIP(text) === 0 && endpoint(`${text}:443`) ? null : 'that is not a name'),
  redis: redisProblem,
  amount: amountProblem(1024),
  memory: amountProblem(16 * 1024 ** 2),
  name_server: (text) => (nameServer(text) ? null : 'it is an address, with a port when that is not 53'),
  address: (text) => (isIP(text) > 0 && !text.includes('%') ? null : 'that is not an address'),
  tier_name: (text) => (/^[a-z][a-z0-9_-]{0,31}$/.test(text) ? null : 'that is not a name'),
};
