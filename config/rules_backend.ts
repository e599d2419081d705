/** What must hold between the backends of a tier, and of the file that their certificates are checked with. */
import { isIP } from 'node:net';
import { address, anyTls } from './backend.ts';
import { FileProblem, readCertificate } from './certificate.ts';
import { configuredPath } from './paths.ts';
import type { Path } from './places.ts';
import { backendPath, backendsOf, known } from './pool.ts';
import type { Problem } from './problems.ts';
import type { Config, Tier } from './schema.ts';

export function backendRules(config: Config): Problem[] {
  const { tiers } = config;
  return tiers.flatMap((tier, i) => {
    const texts = backendsOf(tier).map((one) => one.address);
    const at: At = (backend) => backendPath(tiers, i, backend);
    if (texts.length === 0) return [];
    return [
      ...twice(texts, at),
      ...oneScheme(texts, at),
      ...names(tier, i, texts, at, config.backend_tls.verify),
    ];
  });
}

type At = (backend: number) => Path;

function twice(backends: readonly string[], at: At): Problem[] {
  const addresses = backends.map((text) => address(known(text)));
  return backends.flatMap((text, j): Problem[] => {
    if (addresses.indexOf(addresses[j] ?? '') === j) return [];
    return [{ path: at(j), text: `"${text}" is there twice; name each backend once` }];
  });
}

function oneScheme(backends: readonly string[], at: At): Problem[] {
  const j = backends.findIndex((text) => known(text).tls !== known(backends[0] ?? '').tls);
  if (j < 0) return [];
  const text = `"${backends[j]}" and "${backends[0]}" are not both https; a tier speaks one of them: give one a tier of its own`;
  return [{ path: at(j), text }];
}

/** nginx checks the certificates of a tier's backends against one name. */
function names(
  { tls_name }: Tier,
  i: number,
  backends: readonly string[],
  at: At,
  verify: boolean,
): Problem[] {
  const all = backends.map(known);
  if (!all.every(({ tls }) => tls)) {
    const plain = all.every(({ tls }) => !tls) && tls_name !== undefined;
    const text = 'no backend of this tier is https://, so there is no name to check; take it out';
    return plain ? [{ path: ['tiers', i, 'tls_name'], text }] : [];
  }
  if (tls_name !== undefined || !verify) return [];
  const numeric = all.findIndex(({ host }) => isIP(host) !== 0);
  if (numeric >= 0) {
    const text = `a certificate is checked by name, and ${all[numeric]?.host} is none; add tls_name, the name in it, to the tier`;
    return [{ path: at(numeric), text }];
  }
  const other = all.findIndex(({ host }) => host !== all[0]?.host);
  if (other < 0) return [];
  const text = `certificates of one tier are checked by one name, and ${all[other]?.host} is not ${all[0]?.host}; add the one that is in both as tls_name`;
  return [{ path: at(other), text }];
}

/** Problems of the file of authorities; `run` is the run folder. */
export const authorityFile =
  (run: string) =>
  (config: Config): Problem[] => {
    const { ca, verify } = config.backend_tls;
    if (!anyTls(config) || !verify || ca === 'system') return [];
    try {
      readCertificate(configuredPath(ca, run));
      return [];
    } catch (error) {
      if (error instanceof FileProblem) return [{ path: ['backend_tls', 'ca'], text: error.message }];
      throw error;
    }
  };
