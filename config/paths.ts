/** Where things are. Paths are made absolute here and nowhere else. */
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The configuration file: an option, else SCOREGATE_CONFIG, else scoregate.yaml of the project. */
export function configFile(option?: string): string {
  return resolve(option ?? process.env['SCOREGATE_CONFIG'] ?? join(root, 'scoregate.yaml'));
}

/** The run folder: an option, else SCOREGATE_RUN, else run/ of the project. */
export function runFolder(option?: string): string {
  return resolve(option ?? process.env['SCOREGATE_RUN'] ?? join(root, 'run'));
}

/** A path of the configuration: `run/…` is in the run folder, any other relative one in the project's folder. */
export function configuredPath(path: string, run: string): string {
  if (isAbsolute(path)) return path;
  return path.startsWith('run/') ? join(run, path.slice('run/'.length)) : join(root, path);
}
