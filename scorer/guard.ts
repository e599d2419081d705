/**
 * Who may ask, and who may change something.
 *
 * A page in a browser on this machine reaches loopback ports too. It shows itself by an Origin, by Sec-Fetch-Site, or
 * (DNS rebinding) by a Host that is not ours; such requests are refused, whatever they ask. Forward-auth requests carry
 * their user's headers, so there the mark of a proxy is asked for instead: see routes/auth.ts.
 */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { RequestError } from './errors.ts';
import { isLoopback, plain } from './peer.ts';

export interface GuardOptions {
  /** null: there is none, and only loopback peers may change anything. */
  secret: string | null;
  /** Names and addresses by which the scorer may be asked, besides loopback ones. */
  hosts: readonly string[];
}

export interface Guard {
  /** @throws RequestError 403 for a browser's request */
  refuseBrowsers(request: FastifyRequest): void;
  /** @throws RequestError 401 unless the peer is this machine or knows the secret */
  requireSecret(request: FastifyRequest): void;
}

/** example.org:80 → example.org, [::1]:80 → ::1 */
const hostName = (host: string): string => /^\[(.+)\](?::\d+)?$/.exec(host)?.[1] ?? host.replace(/:\d+$/, '');

export function makeGuard({ secret, hosts }: GuardOptions): Guard {
  const own = new Set(['localhost', ...hosts.map((host) => host.toLowerCase())]);
  const bearer = secret === null ? null : Buffer.from(secret);
  const knowsSecret = ({ headers }: FastifyRequest): boolean => {
    const given = headers['x-scoregate-secret'] ?? /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
    if (bearer === null || typeof given !== 'string') return false;
    const bytes = Buffer.from(given);
    return bytes.length === bearer.length && timingSafeEqual(bytes, bearer);
  };
  return {
    refuseBrowsers(request) {
      const { headers, socket } = request.raw;
      const site = headers['sec-fetch-site'];
      if (headers.origin !== undefined || site === 'cross-site' || site === 'same-site') {
        throw new RequestError('BROWSER_REFUSED', 'requests from web pages are refused', 'Origin');
      }
      const host = hostName(headers.host ?? '').toLowerCase();
      if (own.has(host) || isLoopback(host) || host === plain(socket.localAddress ?? '')) return;
      if (knowsSecret(request)) return; // no page does
      throw new RequestError('BROWSER_REFUSED', `"${host}" is not a name of this scorer`, 'Host');
    },
    requireSecret(request) {
      if (isLoopback(request.raw.socket.remoteAddress) || knowsSecret(request)) return;
      const how = 'send "Authorization: Bearer <the text in run/secret>"';
      throw new RequestError('SECRET_REQUIRED', `from another machine this needs the secret: ${how}`);
    },
  };
}
