/** TLS's part of nginx.conf: certificates, protocols, and the server that sends plain HTTP on to https. */
import { namesOf, readCertificate } from './certificate.ts';
import { isIP } from 'node:net';
import { quoted, type Place } from './nginx_place.ts';
import { configuredPath } from './paths.ts';
import type { Config } from './schema.ts';

export const hasTls = ({ tls }: Config): boolean => tls.certificates.length > 0;

/** For all servers with TLS. Mozilla's "intermediate" set (Server Side TLS 5.7), without DHE, which needs a file. */
export function tlsSettings(config: Config): string {
  if (!hasTls(config)) return '';
  const ciphers = ['ECDSA', 'RSA'].flatMap((key) =>
    ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'].map((cipher) => `ECDHE-${key}-${cipher}`),
  );
  return `ssl_protocols TLSv1.2 TLSv1.3;
ssl_ciphers ${ciphers.join(':')};
# Clients know best which cipher their hardware has.
ssl_prefer_server_ciphers off;
ssl_session_cache shared:tls:10m;
ssl_session_timeout 1d;
# Their key would change only with a reload: a session would be no more secret than that.
ssl_session_tickets off;
# Names in certificates have up to 253 characters; by default nginx refuses those of about 50.
server_names_hash_bucket_size 512;
server_names_hash_max_size 4096;`;
}

/** The server of one certificate. */
export interface TlsServer {
  /** What its `listen` says behind the address. */
  options: string[];
  /** The names that it serves; of a certificate without any, none. */
  names: string[];
  lines: string[];
}

/** One server for each certificate; the first one answers for every name that no other has. */
export function tlsServers(config: Config, place: Place): TlsServer[] {
  return config.tls.certificates.map(({ certificate, key }, i) => {
    const file = configuredPath(certificate, place.run);
    const names = namesOf(readCertificate(file)).map((name) => (isIP(name) === 6 ? `[${name}]` : name));
    return {
      options: ['ssl', ...(place.http2Directive ? [] : ['http2']), ...(i === 0 ? ['default_server'] : [])],
      names,
      lines: [
        `server_name ${names.length === 0 ? '_' : names.join(' ')};`,
        ...(place.http2Directive ? ['http2 on;'] : []),
        `ssl_certificate ${quoted(file)};`,
        `ssl_certificate_key ${quoted(configuredPath(key, place.run))};`,
      ],
    };
  });
}

/** Whether requests over plain HTTP are answered with where to ask instead. */
export const redirects = (config: Config): boolean => hasTls(config) && config.tls.redirect;

/** Sends the client on, with 308, which keeps a POST a POST: to the host that it asked for. */
export function redirect({ tls }: Config): string {
  const port = tls.public_port ?? tls.port;
  return `return 308 https://$host${port === 443 ? '' : `:${port}`}$request_uri;`;
}
