/** The schema of access lists: of the whole site (`access`), of a listener (`listen`, `tls`) and of a path (`paths[]`). */
import Type, { type Static } from 'typebox';
import { closed } from './schema_values.ts';

const networks = (description: string) =>
  Type.Array(
    Type.String({
      format: 'network',
      title: 'an address or a network in CIDR form',
      examples: ['203.0.113.0/24'],
    }),
    { default: [], title: 'a list of networks', examples: [['203.0.113.0/24']], description },
  );

const lists = {
  default: Type.Union([Type.Literal('allow'), Type.Literal('deny')], {
    default: 'allow',
    title: 'allow or deny',
    examples: ['allow'],
    description: 'What holds for an address that no list names.',
  }),
  allow: networks('Networks that may come in.'),
  deny: networks('Networks that are answered 403 at once.'),
};

/** Who may use a listener or a path, beside what the list of the site says. */
export const accessListSchema = Type.Object(lists, {
  ...closed,
  title: 'a group of keys',
  examples: [{ default: 'deny', allow: ['10.0.0.0/8'] }],
});

export const accessSchema = Type.Object(
  {
    ...lists,
    pin: Type.Record(
      Type.String(),
      networks('Networks whose requests go to that tier, whatever their score.'),
      {
        default: {},
        title: 'a group of tier names, each with a list of networks',
        examples: [{ fast: ['203.0.113.0/24'] }],
        description: 'Networks whose requests go to a tier, whatever their score.',
      },
    ),
  },
  { ...closed, default: {}, title: 'a group of keys', examples: [{ deny: ['203.0.113.0/24'] }] },
);

export type Access = Static<typeof accessSchema>;
export type AccessList = Static<typeof accessListSchema>;
