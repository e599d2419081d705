/** Certificates and keys in files: what is wrong with them, and which names they are for. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

/** A file that is not what it should be; the message says what to do. */
export class FileProblem extends Error {}

/** The first certificate of a PEM file: the site's own. Throws FileProblem. */
export function readCertificate(file: string): X509Certificate {
  const pem = read(file);
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw new FileProblem(
      `${file} holds no certificate; it must be PEM, which begins with -----BEGIN CERTIFICATE-----`,
    );
  }
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new FileProblem(`${file} is damaged (${(error as Error).message}); fetch the certificate anew`);
  }
}

/** A private key from a PEM file. Throws FileProblem. */
export function readKey(file: string): KeyObject {
  const pem = read(file);
  if (/ENCRYPTED/.test(pem)) {
    throw new FileProblem(`${file} has a password, which nobody could type; take it off with openssl pkey`);
  }
  if (!/-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/.test(pem)) {
    throw new FileProblem(
      `${file} holds no private key; it must be PEM, which begins with -----BEGIN PRIVATE KEY-----`,
    );
  }
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new FileProblem(`${file} is damaged (${(error as Error).message}); restore the key`);
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new FileProblem(`there is no file ${file}; write where it is`);
    throw new FileProblem(`${file} could not be read (${code ?? String(error)}); let ${user()} read it`);
  }
}

const user = (): string => (process.getuid?.() === 0 ? 'root' : `user ${process.getuid?.()}`);

/**
 * The names that a certificate is for, in small letters: DNS names (`*.example.org` too) and addresses, or the common
 * name of one that has no list.
 */
export function namesOf(certificate: X509Certificate): string[] {
  const list = certificate.subjectAltName?.split(', ') ?? [];
  const names = list.flatMap((entry) => {
    const [kind = '', ...rest] = entry.split(':');
    return kind === 'DNS' || kind === 'IP Address' ? [rest.join(':').toLowerCase()] : [];
  });
  const common = /^CN=(.+)$/m.exec(certificate.subject)?.[1]?.toLowerCase();
  const all = names.length === 0 && common !== undefined ? [common] : names;
  return [...new Set(all)].filter(
    (name) => isIP(name) !== 0 || /^(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?$/.test(name),
  );
}
