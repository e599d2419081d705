/** The schema of TLS to clients. */
import Type from 'typebox';
import { accessListSchema } from './schema_access.ts';
import { closed, flag, port } from './schema_values.ts';

const file = (title: string, example: string, description: string) =>
  Type.String({ format: 'file', minLength: 1, title, examples: [example], description });

const certificateSchema = Type.Object(
  {
    certificate: file(
      'a file name',
      'certs/example.org.pem',
      "The certificate, PEM, the site's own first and then those that it was signed with.",
    ),
    key: file('a file name', 'certs/example.org.key', 'Its key, PEM, without a password.'),
  },
  {
    ...closed,
    title: 'a certificate with its key',
    examples: [{ certificate: 'certs/example.org.pem', key: 'certs/example.org.key' }],
  },
);

export const tlsSchema = Type.Object(
  {
    certificates: Type.Array(certificateSchema, {
      default: [],
      title: 'a list of certificates with their keys',
      examples: [[{ certificate: 'certs/example.org.pem', key: 'certs/example.org.key' }]],
      description:
        'Each serves the names that are in it; the first one whoever asks for another name. None: no TLS.',
    }),
    port: port(8443, 'The public port for TLS.'),
    redirect: flag(true, 'Requests over plain HTTP are sent on to https.'),
    public_port: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 65535,
        title: 'a port number',
        examples: [443],
        description: 'The port that clients see, when that is not tls.port: where they are sent on to.',
      }),
    ),
    access: Type.Optional(accessListSchema),
  },
  { ...closed, default: {}, title: 'a group of keys', examples: [{ port: 8443 }] },
);

/** TLS to backends whose address begins with https://. */
export const backendTlsSchema = Type.Object(
  {
    verify: flag(true, 'Check the certificates of https:// backends: who signed them, and for which name.'),
    ca: Type.String({
      default: 'system',
      minLength: 1,
      title: 'system or a file name',
      examples: ['system'],
      description:
        'Who may have signed them: the authorities that this system trusts, or those in a PEM file.',
    }),
  },
  { ...closed, default: {}, title: 'a group of keys', examples: [{ ca: 'certs/internal-ca.pem' }] },
);
