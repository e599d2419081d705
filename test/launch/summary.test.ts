import assert from 'node:assert/strict';
import test from 'node:test';
import { parseConfig } from '../../config/read.ts';
import { findNginx } from '../../launch/find.mjs';
import { summary } from '../../launch/summary.ts';
import { Certificates } from '../harness/certificates.ts';

test('what is to be tried over plain HTTP is, and over TLS where plain HTTP is sent on to it', () => {
  const made = new Certificates();
  made.make('site', ['DNS:site.example']);
  const nginx = findNginx();
  assert.ok(nginx);
  const said = (more: string): string => {
    const config = parseConfig(`headers: { tier: true }\n${more}`, 'x.yaml');
    return summary(config, { run: made.folder, nginx, user: null }, 1);
  };
  const tls = `tls:\n  certificates: [{ certificate: ${made.folder}/site.pem, key: ${made.folder}/site.key }]\n`;
  for (const plain of [said(''), said(`${tls}  redirect: false\n`)]) {
    assert.match(plain, /curl -i http:\/\/127\.0\.0\.1:8080\//);
    assert.match(plain, /curl -s .*'http:\/\/127\.0\.0\.1:8080\/\?\[1-600\]'/);
  }
  const redirected = said(tls);
  assert.match(redirected, /curl -k -i https:\/\/127\.0\.0\.1:8443\//);
  assert.match(redirected, /curl -k -s .*'https:\/\/127\.0\.0\.1:8443\/\?\[1-600\]'/);
  made.remove();
});
