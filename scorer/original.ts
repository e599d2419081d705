/**
 * The user's request, as a proxy's forward-auth says it.
 *
 * The request that asks us carries the headers of its user too, so a header is worth something only if the proxy
 * overwrites it, and which ones it does differs. No order of preference is right for all of them: nginx passes on the
 * user's X-Forwarded-*, Traefik and Caddy the user's X-Original-*. So the URL says which family the proxy writes, which
 * only its configuration can, and no other header is looked at. A header of the family that is missing is an error and
 * has no substitute: where the proxy does not set it, its user may.
 */
import type { FastifyRequest } from 'fastify';
import { RequestError } from './errors.ts';
import { clientKey } from './key.ts';
import type { Request } from './observations.ts';
import { clientOf } from './peer.ts';

export interface Family {
  client: string;
  /** null: method and path are those of the request that asks us. */
  request: { method: string; target: string } | null;
}

const ORIGINAL = { client: 'X-Real-IP', method: 'X-Original-Method' };
const FAMILIES: Record<string, Family> = {
  // Traefik and Caddy, of themselves
  forwarded: {
    client: 'X-Forwarded-For',
    request: { method: 'X-Forwarded-Method', target: 'X-Forwarded-Uri' },
  },
  // nginx, as docs/scorer.md has it
  original: { client: ORIGINAL.client, request: { method: ORIGINAL.method, target: 'X-Original-URI' } },
  // ingress-nginx, of itself
  'original-url': { client: ORIGINAL.client, request: { method: ORIGINAL.method, target: 'X-Original-URL' } },
};
const NAMES = Object.keys(FAMILIES);

/** Envoy with the path_prefix /auth: the user's method, and the user's path behind ours. */
export const BEHIND: Family = { client: 'X-Forwarded-For', request: null };
const PREFIX = '/auth';

/** A request target of more than this is cut: only its path counts. */
const MOST = 8192;

/** @param query of /auth. @throws RequestError 400 INVALID_QUERY for anything but one known value of `headers` */
export function familyIn(query: Record<string, unknown>): Family {
  const unknown = Object.keys(query).find((name) => name !== 'headers');
  if (unknown !== undefined)
    throw new RequestError('INVALID_QUERY', `${unknown}: is not a known field; there is headers`, unknown);
  const name = query['headers'] ?? 'forwarded';
  if (typeof name !== 'string' || !NAMES.includes(name)) {
    throw new RequestError('INVALID_QUERY', `headers: must be one of ${NAMES.join(', ')}`, 'headers');
  }
  return FAMILIES[name] as Family;
}

/** @throws RequestError 403 UNTRUSTED_PROXY, 400 NO_CLIENT, INVALID_ADDRESS */
export function clientIn(
  request: FastifyRequest,
  { client }: Family,
  trusted: (address: string) => boolean,
): string {
  const peer = request.raw.socket.remoteAddress ?? '';
  if (!trusted(peer)) {
    throw new RequestError('UNTRUSTED_PROXY', `${peer} is not a trusted proxy: add it to trusted_proxies`);
  }
  const chain = headerOf(request, client);
  if (chain === undefined)
    throw new RequestError('NO_CLIENT', `the proxy names no client: have it set ${client}`, client);
  const address = clientOf(chain, trusted);
  const key = address === null ? null : clientKey(address);
  if (key === null) throw new RequestError('INVALID_ADDRESS', `"${chain}" names no client`, client);
  return key;
}

/** @throws RequestError 400 NO_REQUEST */
export function requestIn(request: FastifyRequest, family: Family): Request {
  const { method, url, headers } = request;
  const said = family.request;
  const needed = (name: string): string => {
    const text = headerOf(request, name);
    if (text !== undefined) return text;
    throw new RequestError('NO_REQUEST', `the proxy does not say ${name}: have it set that header`, name);
  };
  return {
    method: said === null ? method : needed(said.method),
    target: (said === null ? url.slice(PREFIX.length) : needed(said.target)).slice(0, MOST),
    referer: headers.referer,
    userAgent: headers['user-agent'],
  };
}

function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name.toLowerCase()];
  const text = Array.isArray(value) ? value.join(', ') : value;
  return text === '' ? undefined : text;
}
