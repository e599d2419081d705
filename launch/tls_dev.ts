/** The certificate of `npm start -- --tls-dev`: self-signed, for this machine, kept in the run folder. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { readCertificate, readKey } from '../config/certificate.ts';
import { configuredPath } from '../config/paths.ts';
import { which } from './find.mjs';

/** As scoregate.yaml would name it. */
export const DEV_CERTIFICATE = { certificate: 'run/tls/dev.pem', key: 'run/tls/dev.key' };

const DAYS = 365;
const RENEW_BEFORE_MS = 7 * 86_400_000;

/**
 * Makes the certificate, unless there is a good one, with openssl: Node's crypto reads certificates and makes none.
 * Throws with openssl's words when it cannot.
 */
export function makeDevCertificate(run: string): void {
  const [certificate, key] = [DEV_CERTIFICATE.certificate, DEV_CERTIFICATE.key].map((path) =>
    configuredPath(path, run),
  ) as [string, string];
  if (isGood(certificate, key)) return;
  mkdirSync(join(run, 'tls'), { recursive: true });
  const host = /^[A-Za-z0-9.-]+$/.test(hostname()) ? [`DNS:${hostname()}`] : [];
  const names = ['DNS:localhost', ...host, 'IP:127.0.0.1', 'IP:::1'];
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-sha256'];
  args.push('-days', String(DAYS), '-subj', '/CN=localhost', '-keyout', key, '-out', certificate);
  for (const extension of [`subjectAltName=${names.join(',')}`, 'extendedKeyUsage=serverAuth'])
    args.push('-addext', extension);
  const { status, stderr, error } = spawnSync(which('openssl') ?? 'openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl made no certificate: ${error?.message ?? stderr.trim()}`);
  chmodSync(key, 0o600);
}

function isGood(certificate: string, key: string): boolean {
  if (!existsSync(certificate) || !existsSync(key)) return false;
  try {
    const found = readCertificate(certificate);
    const ends = Date.parse(found.validTo);
    return found.checkPrivateKey(readKey(key)) && ends - Date.now() > RENEW_BEFORE_MS;
  } catch {
    return false;
  }
}
