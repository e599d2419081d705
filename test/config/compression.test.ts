import { testBad } from './problems.ts';

testBad([
  [
    'a media type that is none',
    'compression:\n  types: [text/html, json]',
    /^x\.yaml:2: compression\.types\[1\]: "json" is not a media type: that is not one; right would be "application\/json"$/,
  ],
  ['every media type', 'compression: { types: ["*"] }', /compression\.types\[0\]: "\*" is not a media type/],
  [
    'a level out of range',
    'compression:\n  level: 10',
    /^x\.yaml:2: compression\.level: 10 is out of range; it must be from 1 to 9$/,
  ],
  [
    'an algorithm for compression',
    'compression: brotli',
    /^x\.yaml:1: compression: "brotli" is not a group of keys; right would be \{"enabled":true\}$/,
  ],
]);
