/** What a tier's backends are: addresses, whether they speak TLS, and the name in their certificate. */
import { isIP } from 'node:net';
import type { Endpoint } from './formats.ts';
import { backendsOf, known } from './pool.ts';
import type { Config, Tier } from './schema.ts';

/** `HOST:PORT` as nginx writes it. */
export const address = ({ host, port }: Endpoint): string =>
  `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;

/** Whether a tier's backends speak TLS; they all do, or none (rules_backend.ts). */
export const speaksTls = (tier: Tier): boolean => backendsOf(tier).some(({ address }) => known(address).tls);

/** The name that the certificates of a tier's backends are for. */
export const tlsName = (tier: Tier): string =>
  tier.tls_name ?? known(backendsOf(tier)[0]?.address ?? '').host;

/** Whether the backends of one tier can stand in for those of another: how nginx speaks to them is the tier's. */
export function interchangeable(a: Tier, b: Tier): boolean {
  return speaksTls(a) === speaksTls(b) && (!speaksTls(a) || tlsName(a) === tlsName(b));
}

/** Whether any backend speaks TLS. */
export const anyTls = ({ tiers }: Config): boolean => tiers.some(speaksTls);
