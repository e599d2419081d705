/**
 * The client key: the address that a verdict is about, in one form for everybody.
 *
 * IPv4 is taken whole, IPv6 by its /64, because that is what a single customer is given (RFC 6177) and inside it
 * addresses cost nothing. The Lua side does the same with bytes; test/vectors/client_keys.json holds both to it.
 */
import { isIPv4, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * @param text an IPv4 or IPv6 address, or a key made earlier (`2001:db8:1:2::/64`)
 * @returns the dotted quad, or the /64 network as RFC 5952 text and `/64`; null if the text is not an address
 */
export function clientKey(text: string): string | null {
  if (isIPv4(text)) return text;
  const network = text.endsWith('/64');
  const address = network ? text.slice(0, -3) : text;
  if (!isIPv6(address)) return null;
  const zone = address.indexOf('%');
  const bare = zone < 0 ? address : address.slice(0, zone);
  // ipaddr.js reads the long-deprecated ::1.2.3.4 as IPv4-mapped; sockets (and nginx) do not.
  if (bare.startsWith('::') && isIPv4(bare.slice(2))) return '::/64';
  const parsed = ipaddr.IPv6.parse(bare);
  // An IPv4 client that reached a dual-stack socket is the same client as on an IPv4 socket.
  if (parsed.isIPv4MappedAddress()) return network ? null : parsed.toIPv4Address().toString();
  return `${new ipaddr.IPv6([...parsed.parts.slice(0, 4), 0, 0, 0, 0]).toRFC5952String()}/64`;
}
