// `npm start`, the first command in a fresh clone: sets up what is missing, then hands over to start.ts.
import { checkNode, ensureNpmPackages, ensureSystemPackages } from './setup.mjs';

checkNode();
if (!process.argv.slice(2).some((arg) => arg === '--help' || arg === '-h')) {
  await ensureSystemPackages(process.argv.includes('--tls-dev') ? { openssl: 'openssl' } : {});
}
await ensureNpmPackages();
const { register } = await import('tsx/esm/api');
register();
const { main } = await import('./start.ts');
await main(process.argv.slice(2));
