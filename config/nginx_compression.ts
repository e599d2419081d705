/** Compression's part of nginx.conf. nginx leaves alone what already has a Content-Encoding. */
import type { Config } from './schema.ts';

export function compression({ compression: { enabled, types, min_bytes, level } }: Config): string {
  if (!enabled) return '';
  // nginx always has text/html, and warns of one that is named.
  const others = [...new Set(types)].filter((type) => type !== 'text/html');
  const named = others.length === 0 ? '' : `\ngzip_types ${others.join(' ')};`;
  return `gzip on;${named}
gzip_min_length ${min_bytes};
gzip_comp_level ${level};
# To caches between us and the client: this answer is for those that take gzip.
gzip_vary on;
# Also for requests that came through another proxy.
gzip_proxied any;`;
}
