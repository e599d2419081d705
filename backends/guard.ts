/**
 * Who may make a node slow, failing or answer at will: with a secret whoever knows it, without one whoever is on this
 * machine. A request that came through the gateway has a loopback peer as well, the gateway; but the gateway appends its
 * own peer to X-Forwarded-For, and that entry nobody can forge. A page in a browser on this machine shows itself by an
 * Origin, or (DNS rebinding) by a foreign Host.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { isLoopback } from '../config/formats.ts';
import { DemoError } from './errors.ts';

const FORWARDED = ['x-forwarded-for', 'x-real-ip', 'forwarded', 'via'];

export interface Guard {
  /** @throws DemoError 403 unless the request was made on this machine, through the gateway or not, or has the secret */
  requireHere(request: FastifyRequest): void;
  /** @throws DemoError 403 unless it was made on this machine and came through no proxy, or has the secret */
  requireDirect(request: FastifyRequest): void;
}

const plain = (address: string): string => address.replace(/^::ffff:/, '');
const hostName = (host: string): string => host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** @param secret null: there is none */
export function makeGuard(secret: string | null): Guard {
  const wanted = secret === null ? null : digest(secret);
  const allow = (request: FastifyRequest, here: boolean, where: string): void => {
    const given = request.headers['x-demo-secret'];
    if (wanted === null ? here : typeof given === 'string' && timingSafeEqual(digest(given), wanted)) return;
    throw new DemoError('REFUSED', {
      message: `${request.url.split('?', 1)[0]}: what you ask for changes how this node answers`,
      right: wanted === null ? where : 'the header X-Demo-Secret with the DEMO_SECRET of this node',
    });
  };
  return {
    requireHere: (request) =>
      allow(request, isHere(request), 'a request made on the machine of the node and the gateway'),
    requireDirect: (request) => {
      const direct = isHere(request) && FORWARDED.every((name) => request.headers[name] === undefined);
      allow(request, direct, "a request made on the node's machine, to its own port");
    },
  };
}

function isHere({ headers, raw }: FastifyRequest): boolean {
  const chain = headers['x-forwarded-for'];
  const last = [chain ?? []].flat().join(',').split(',').at(-1)?.trim() ?? '';
  return (
    isLoopback(plain(raw.socket.remoteAddress ?? '')) &&
    (chain === undefined || isLoopback(plain(last))) &&
    isLoopback(hostName(headers.host ?? '').toLowerCase()) &&
    headers.origin === undefined &&
    !['cross-site', 'same-site'].includes(String(headers['sec-fetch-site']))
  );
}
