/** Who is asking: the peer's address, whether it is this machine, whether it is a proxy that may speak for others. */
import { BlockList, isIP, isIPv4 } from 'node:net';

/** ::ffff:10.0.0.1 → 10.0.0.1 */
export const plain = (address: string): string =>
  address.startsWith('::ffff:') && isIPv4(address.slice(7)) ? address.slice(7) : address;

export function isLoopback(address: string | undefined): boolean {
  const text = plain(address ?? '');
  return text === '::1' || (isIPv4(text) && text.startsWith('127.'));
}

/** @param networks addresses and CIDR networks, checked by the configuration's schema */
export function trusts(networks: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    list.addSubnet(address, bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits), family);
  }
  return (address) => {
    const text = plain(address);
    if (isIP(text) === 0) return false;
    return isLoopback(text) || list.check(text, isIPv4(text) ? 'ipv4' : 'ipv6');
  };
}

/**
 * The client behind a chain of proxies: the rightmost address that is not a trusted proxy's, as nginx's realip module
 * finds it. What is left of it anybody may have written.
 *
 * @param chain X-Forwarded-For
 * @returns null if the header holds no address where one is needed
 */
export function clientOf(chain: string, trusted: (address: string) => boolean): string | null {
  const hops = chain.split(',').map((hop) => withoutPort(hop.trim()));
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = hops[i] as string;
    if (isIP(hop.split('%')[0] as string) === 0) return null;
    if (i === 0 || !trusted(hop)) return hop;
  }
  return null;
}

/** 10.0.0.1:1234 and [2001:db8::1]:1234, as some proxies write them. */
function withoutPort(hop: string): string {
  const bracketed = /^\[(.+)\](?::\d+)?$/.exec(hop);
  if (bracketed) return bracketed[1] as string;
  const [address = '', ...more] = hop.split(':');
  return more.length === 1 && isIPv4(address) ? address : hop;
}
