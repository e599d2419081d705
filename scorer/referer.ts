/**
 * What a request's referer says by how it is written. lua/scoregate/referer.lua says the same in the gateway,
 * test/vectors/referers.json for both. Pure.
 *
 * A browser writes the page's URL as https://url.spec.whatwg.org/#url-serializing has it: with a path, its host in small
 * letters, without the port that goes without saying.
 */
import { blank } from './shapes.ts';

/**
 * none: there is none, or what is there names no page. itself: the very target that is asked for. impossible: no browser
 * writes such a host. page: any other.
 */
export type Referer = 'none' | 'itself' | 'impossible' | 'page';

/** No host is longer, with a port (RFC 1035). */
const HOST_CHARS = 255;
const SCHEMES = ['http://', 'https://'] as const;
const DEFAULT_PORT = { 'http://': ':80', 'https://': ':443' } as const;

/** @param target in origin form, as nginx's $request_uri is */
export function refererOf(referer: string | undefined, target: string): Referer {
  if (referer === undefined || blank(referer)) return 'none';
  const scheme = SCHEMES.find((one) => referer.startsWith(one));
  if (scheme === undefined) return referer.includes(':') ? 'page' : 'none';
  const slash = referer.indexOf('/', scheme.length);
  if (slash < 0) return 'none';
  const host = referer.slice(scheme.length, slash);
  if (host.length > HOST_CHARS || host.endsWith(DEFAULT_PORT[scheme]) || /[A-Z]/.test(host))
    return 'impossible';
  return referer.length - slash === target.length && referer.endsWith(target) ? 'itself' : 'page';
}

/** Whether no page led to the request, as far as its referer says. */
export const isDirect = (referer: Referer): boolean => referer === 'none' || referer === 'impossible';

/**
 * Whether a browser that sends this is none: such a referer cannot be, or says that a page led to itself, by a client that
 * has asked for none. Not of `/`, a link to which is on most pages, one in an open tab, too.
 */
export const unmasks = (referer: Referer, method: string, target: string, asked: boolean): boolean =>
  referer === 'impossible' ||
  (referer === 'itself' && !asked && (method === 'GET' || method === 'HEAD') && target !== '/');
