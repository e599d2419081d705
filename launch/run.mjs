// Runs a TypeScript program of the project: node launch/run.mjs FILE [ARGUMENT…]. Installs the npm packages first
// when they are missing.
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkNode, ensureNpmPackages, root } from './setup.mjs';

checkNode();
await ensureNpmPackages();
const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('usage: node launch/run.mjs FILE [ARGUMENT…]\n');
  process.exit(2);
}
const path = resolve(root, file);
process.argv = [process.argv[0] ?? 'node', path, ...args];
const { register } = await import('tsx/esm/api');
register();
await import(pathToFileURL(path).href);
