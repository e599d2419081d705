/** Certificates for tests, made with openssl: self-signed ones, or signed by an authority of the test's own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

export interface CertificateFiles {
  certificate: string;
  key: string;
}

export class Certificates {
  readonly folder = mkdtempSync(join(tmpdir(), 'scoregate-certificates-'));

  /** A certificate for `names` (DNS:a.example, IP:127.0.0.1), into NAME.pem and NAME.key. */
  make(name: string, names: readonly string[], signedBy?: CertificateFiles, days = 30): CertificateFiles {
    const [certificate, key] = [join(this.folder, `${name}.pem`), join(this.folder, `${name}.key`)];
    const signer = signedBy ? ['-CA', signedBy.certificate, '-CAkey', signedBy.key] : [];
    const alternatives = names.length > 0 ? ['-addext', `subjectAltName=${names.join(',')}`] : [];
    const subject = names.length > 0 ? `/CN=${basename(name)}` : '/O=nobody';
    const args = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      String(days),
    ];
    openssl([...args, '-subj', subject, '-keyout', key, '-out', certificate, ...alternatives, ...signer]);
    return { certificate, key };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function openssl(args: readonly string[]): void {
  const { status, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${error?.message ?? stderr}`);
}
