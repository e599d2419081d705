import assert from 'node:assert/strict';
import test from 'node:test';
import { parseConfig } from '../../config/read.ts';
import { nginxFiles } from '../../config/rules_files.ts';
import { testBad } from './problems.ts';

testBad([
  [
    'an unknown log format',
    'logs:\n  format: common',
    /^x\.yaml:2: logs\.format: "common" is not json or combined; right would be "json"$/,
  ],
  [
    'headers in the combined format',
    'logs:\n  format: combined\n  headers: true',
    /^x\.yaml:3: logs\.headers: there is no place for it in the combined log format; use format: json$/,
  ],
  [
    'bodies in the combined format',
    'logs: { format: combined, body_bytes: 5 }',
    /^x\.yaml:1: logs\.body_bytes: there is no place/,
  ],
  [
    'too much of a body',
    'logs:\n  body_bytes: 1000000',
    /^x\.yaml:2: logs\.body_bytes: 1000000 is out of range; it must be from 0 to 65536$/,
  ],
  [
    'a masked header that is none',
    'logs: { masked: ["Cookie:"] }',
    /^x\.yaml:1: logs\.masked\[0\]: "Cookie:" is not the name of a header: that is not one; right would be "cookie"$/,
  ],
  [
    'a file name that nginx would take apart',
    'logs:\n  access: run/a;b.log',
    /^x\.yaml:2: logs\.access: "run\/a;b\.log" is not a file name, or off: it holds a quote or one of .*; right would be "run\/access\.log"$/,
  ],
  [
    'one file for both logs',
    'logs:\n  access: run/a.log\n  error: run/a.log',
    /^x\.yaml:3: logs\.error: logs\.access is the same file; give each its own$/,
  ],
]);

test('refused with line, reason and remedy: a folder in the place of a log', () => {
  assert.throws(
    () => parseConfig('logs:\n  error: /tmp', 'x.yaml', {}, {}, nginxFiles('/nowhere')),
    /^ConfigError: x\.yaml:2: logs\.error: \/tmp is a folder; name a file in it: \/tmp\/error\.log$/,
  );
});
