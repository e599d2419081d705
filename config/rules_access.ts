/** What must hold between the values of access lists and paths. */
import { LISTENERS } from './access.ts';
import { canonicalNetwork } from './formats.ts';
import { pathText, type Path } from './places.ts';
import { nearest, type Problem } from './problems.ts';
import type { Config } from './schema.ts';
import type { AccessList } from './schema_access.ts';

export function accessRules(config: Config): Problem[] {
  const { access, paths } = config;
  const pins = Object.entries(access.pin).map(([tier, networks]): Listed => ({
    path: ['access', 'pin', tier],
    networks,
  }));
  return [
    ...pinnedTiers(config),
    ...twice([...listed(access, ['access']), ...pins]),
    ...LISTENERS.flatMap((name) => own(config[name].access, [name, 'access'])),
    ...paths.flatMap(({ access }, i) => own(access, ['paths', i, 'access'])),
    ...samePaths(config),
  ];
}

interface Listed {
  path: Path;
  networks: readonly string[];
}

const listed = ({ allow, deny }: AccessList, path: Path): Listed[] => [
  { path: [...path, 'allow'], networks: allow },
  { path: [...path, 'deny'], networks: deny },
];

const own = (access: AccessList | undefined, path: Path): Problem[] =>
  access ? twice(listed(access, path)) : [];

/** Of two networks the longer prefix wins; of the same one twice, none would. */
function twice(lists: readonly Listed[]): Problem[] {
  const seen = new Map<string, Path>();
  return lists.flatMap(({ path, networks }) =>
    networks.flatMap((network, i): Problem[] => {
      const [key, at] = [canonicalNetwork(network), [...path, i]];
      const first = seen.get(key);
      if (first === undefined) {
        seen.set(key, at);
        return [];
      }
      return [{ path: at, text: `${network} is in ${pathText(first)} too; name each network once` }];
    }),
  );
}

function pinnedTiers({ access, tiers }: Config): Problem[] {
  const names = tiers.map((tier) => tier.name);
  return Object.keys(access.pin).flatMap((name): Problem[] => {
    if (names.includes(name)) return [];
    const near = nearest(name, names);
    const fix = near ? `did you mean "${near}"?` : `use one of ${names.join(', ')}`;
    return [{ path: ['access', 'pin', name], text: `"${name}" is not a tier; ${fix}` }];
  });
}

function samePaths({ paths }: Config): Problem[] {
  return paths.flatMap(({ path }, i): Problem[] => {
    const first = paths.findIndex((other) => other.path === path);
    if (first === i) return [];
    return [{ path: ['paths', i, 'path'], text: `"${path}" is in paths[${first}] too; put both into one` }];
  });
}
