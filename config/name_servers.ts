/** Who is asked for the addresses of names. */
import { nameServer, type Endpoint } from './formats.ts';
import type { Place } from './nginx_place.ts';
import type { Config } from './schema.ts';

/** Those of the configuration, else those of this machine. */
export function nameServers({ name_servers }: Pick<Config, 'name_servers'>, place: Place): Endpoint[] {
  const texts = name_servers.length > 0 ? name_servers : place.nameServers;
  return texts.flatMap((text) => nameServer(text) ?? []);
}
