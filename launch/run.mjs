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
// Who reads may have seen enough (| head): that ends us quietly, as SIGPIPE, which Node ignores, ends other programs.
process.stdout.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(128 + 13);
});
await import(pathToFileURL(path).href);
