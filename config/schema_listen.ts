/** The schema of the listener for plain HTTP. */
import Type from 'typebox';
import { accessListSchema } from './schema_access.ts';
import { closed, flag, port } from './schema_values.ts';

export const listenSchema = Type.Object(
  {
    port: port(8080, 'The public port.', { variable: 'SCOREGATE_LISTEN_PORT' }),
    address: Type.String({
      default: '0.0.0.0',
      format: 'address',
      title: 'an IP address',
      examples: ['0.0.0.0'],
      description: 'The local address of the public port; "::" is every address, IPv4 and IPv6.',
      variable: 'SCOREGATE_LISTEN_ADDRESS',
    }),
    proxy_protocol: flag(false, 'Clients come through a load balancer that speaks the PROXY protocol.'),
    access: Type.Optional(accessListSchema),
  },
  { ...closed, default: {}, title: 'a group of keys', examples: [{ port: 8080 }] },
);
