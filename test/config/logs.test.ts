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
]);
