/** The files that a configuration names: looked at by whoever runs what reads them. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { configuredPath } from './paths.ts';
import type { Problem } from './problems.ts';
import type { Rule } from './read.ts';
import { authorityFile } from './rules_backend.ts';
import { modelFits } from './rules_model.ts';
import { tlsFiles } from './rules_tls.ts';
import type { Config } from './schema.ts';

/** Problems of what nginx reads: certificates, keys and logs; `run` is the run folder. */
export const nginxFiles =
  (run: string): Rule =>
  (config) => [...tlsFiles(run)(config), ...authorityFile(run)(config), ...logFolders(config, run)];

/** Problems of what nginx and the scorer read. */
export const allFiles =
  (run: string): Rule =>
  (config) => [...nginxFiles(run)(config), ...modelFits(config)];

function logFolders({ logs }: Config, run: string): Problem[] {
  return (['access', 'error'] as const).flatMap((name) => {
    const path = configuredPath(logs[name], run);
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [];
    return [
      { path: ['logs', name], text: `${path} is a folder; name a file in it: ${join(path, `${name}.log`)}` },
    ];
  });
}
