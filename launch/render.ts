/**
 * The one-shot service `render` of docker-compose.yml: makes what the other containers read, from scoregate.yaml and
 * the environment. Into the run folder: the secret (an existing one is kept), nginx.conf, gateway.json and
 * scoregate.yaml as it is in force; into its folder redis/, redis.conf.
 *
 *     node --import tsx launch/render.ts --spool DIR [--run DIR]
 *
 * The spool folder is nginx's own, for its pid and for request bodies; it need not be there yet.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { redisAddress } from '../config/formats.ts';
import { configFile, runFolder } from '../config/paths.ts';
import { ConfigError, readConfig } from '../config/read.ts';
import { renderTexts, write } from '../config/render.ts';
import { nginxFiles } from '../config/rules_files.ts';
import { makeSecret } from './folder.ts';
import type { Nginx } from './find.mjs';
import { writeEffectiveConfig } from './parts.ts';
import { writeRedisConf } from './redis_conf.ts';

/** The gateway's image (Dockerfile): OpenResty finds its own libraries. There is no nginx here to ask. */
const OPENRESTY: Nginx = {
  path: 'openresty',
  version: [1, 27, 1],
  openresty: true,
  globals: '',
  luaFolders: [],
};

function main(): void {
  const { values } = parseArgs({ options: { run: { type: 'string' }, spool: { type: 'string' } } });
  const { spool } = values;
  if (spool === undefined) throw new Error("--spool DIR is needed: the folder of nginx's own files");
  const run = runFolder(values.run);
  const config = readConfig(configFile(), {}, process.env, nginxFiles(spool));
  makeSecret(run, null);
  const texts = renderTexts(config, spool, {
    nginx: OPENRESTY,
    folder: run,
    secret: join(run, 'secret'),
  });
  write(texts, run);
  writeEffectiveConfig(config, run, null);
  const redis = redisAddress(config.redis);
  // Every address of the container: who reaches it is for the network to say. Its log is the container's.
  const own = ['bind * -::*', 'protected-mode no', 'dir /data'];
  if (redis) writeRedisConf(join(run, 'redis', 'redis.conf'), config, redis, own);
  console.log(`rendered for the tiers ${config.tiers.map((tier) => tier.name).join(', ')}`);
}

try {
  main();
} catch (error) {
  const text = error instanceof ConfigError ? error.message : String(error);
  console.error(`render: ${text}`);
  process.exitCode = 1;
}
