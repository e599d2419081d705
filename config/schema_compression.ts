/** The schema of compression. */
import Type from 'typebox';
import { closed, flag, whole } from './schema_values.ts';

const TYPES = [
  'text/html',
  'text/css',
  'text/plain',
  'text/javascript',
  'text/xml',
  'application/javascript',
  'application/json',
  'application/manifest+json',
  'application/xml',
  'application/wasm',
  'image/svg+xml',
];

export const compressionSchema = Type.Object(
  {
    enabled: flag(false, 'Compress answers with gzip for clients that take it.', {
      variable: 'SCOREGATE_COMPRESSION_ENABLED',
    }),
    types: Type.Array(
      Type.String({ format: 'media_type', title: 'a media type', examples: ['application/json'] }),
      {
        default: TYPES,
        title: 'a list of media types',
        examples: [['text/html', 'application/json']],
        description: 'Which answers; text/html is always among them.',
      },
    ),
    min_bytes: whole(1024, 0, 1_000_000_000, 'Answers that are shorter, and say so, are left alone.'),
    level: whole(4, 1, 9, 'From 1, fast, to 9, small.'),
  },
  { ...closed, default: {}, title: 'a group of keys', examples: [{ enabled: true }] },
);
