/** The files that a configuration names and nginx reads: looked at by whoever runs nginx, and not by the scorer. */
import type { Rule } from './read.ts';
import { authorityFile } from './rules_backend.ts';
import { tlsFiles } from './rules_tls.ts';

/** Problems of certificates and keys; `run` is the run folder. */
export const nginxFiles =
  (run: string): Rule =>
  (config) => [...tlsFiles(run)(config), ...authorityFile(run)(config)];
