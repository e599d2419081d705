/** The files that a configuration names and nginx reads: looked at by whoever runs nginx, and not by the scorer. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { configuredPath } from './paths.ts';
import type { Problem } from './problems.ts';
import type { Rule } from './read.ts';
import { authorityFile } from './rules_backend.ts';
import { tlsFiles } from './rules_tls.ts';
import type { Config } from './schema.ts';

/** Problems of certificates, keys and logs; `run` is the run folder. */
export const nginxFiles =
  (run: string): Rule =>
  (config) => [...tlsFiles(run)(config), ...authorityFile(run)(config), ...logFolders(config, run)];

function logFolders({ logs }: Config, run: string): Problem[] {
  return (['access', 'error'] as const).flatMap((name) => {
    const path = configuredPath(logs[name], run);
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [];
    return [
      { path: ['logs', name], text: `${path} is a folder; name a file in it: ${join(path, `${name}.log`)}` },
    ];
  });
}
