/** What must hold of certificates and keys. */
import { FileProblem, namesOf, readCertificate, readKey } from './certificate.ts';
import { configuredPath } from './paths.ts';
import type { Path } from './places.ts';
import type { Problem } from './problems.ts';
import type { Config } from './schema.ts';

/** Problems of certificates and keys; `run` is the run folder. */
export const tlsFiles =
  (run: string) =>
  (config: Config): Problem[] => {
    const seen = new Map<string, number>();
    return config.tls.certificates.flatMap(({ certificate, key }, i) => {
      const at = (name: string): Path => ['tls', 'certificates', i, name];
      const found = attempt(at('certificate'), () => readCertificate(configuredPath(certificate, run)));
      const secret = attempt(at('key'), () => readKey(configuredPath(key, run)));
      if (!found.value || !secret.value) return [...found.problems, ...secret.problems];
      if (!found.value.checkPrivateKey(secret.value)) {
        const text = `this is not the key of ${certificate}, whose first certificate must be the site's own; name its key`;
        return [{ path: at('key'), text }];
      }
      return names(namesOf(found.value), i, seen).map((text) => ({ path: at('certificate'), text }));
    });
  };

/** nginx takes the first of two servers of one name, so a name in two certificates would be a certificate unused. */
function names(own: readonly string[], index: number, seen: Map<string, number>): string[] {
  if (own.length === 0 && index > 0) {
    return ['it names no host, so nobody would be given it; name one with names, or put it first'];
  }
  return own.flatMap((name) => {
    const first = seen.get(name);
    if (first === undefined) seen.set(name, index);
    return first === undefined
      ? []
      : [`${name} is in tls.certificates[${first}] too; keep one certificate for a name`];
  });
}

function attempt<T>(path: Path, read: () => T): { value?: T; problems: Problem[] } {
  try {
    return { value: read(), problems: [] };
  } catch (error) {
    if (error instanceof FileProblem) return { problems: [{ path, text: error.message }] };
    throw error;
  }
}
