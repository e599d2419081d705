/** `npm run check [-- FILE]`: says whether a configuration is good, and where and how it is not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { findNginx } from '../launch/find.mjs';
import { nginxProblem, scorerProblem } from '../launch/tryout.ts';
import { configFile, configuredPath, runFolder } from './paths.ts';
import { ConfigError, readConfig } from './read.ts';
import { allFiles } from './rules_files.ts';
import type { Config } from './schema.ts';

async function check(args: readonly string[]): Promise<number> {
  const [option, ...more] = args;
  if (option?.startsWith('-') || more.length > 0) {
    console.error('usage: npm run check [-- FILE]');
    return 2;
  }
  const file = configFile(option);
  const run = runFolder();
  try {
    const config = readConfig(file, {}, process.env, allFiles(run));
    const asked = await askPrograms(absolute(config, run));
    console.log(`${relative(process.cwd(), file) || file}: good (${asked})`);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    if (error instanceof ConfigError) console.error(`${error.problems.length} to correct`);
    return 1;
  }
}

/** Certificates stay where they are, though the rendering is for another run folder. */
function absolute(config: Config, run: string): Config {
  const { tls, backend_tls } = config;
  const certificates = tls.certificates.map(({ certificate, key }) => ({
    certificate: configuredPath(certificate, run),
    key: configuredPath(key, run),
  }));
  const ca = backend_tls.ca === 'system' ? 'system' : configuredPath(backend_tls.ca, run);
  return { ...config, tls: { ...tls, certificates }, backend_tls: { ...backend_tls, ca } };
}

/** Asks nginx and the scorer, which get a folder of their own, logs included. */
async function askPrograms(config: Config): Promise<string> {
  const run = mkdtempSync(join(tmpdir(), 'scoregate-check-'));
  try {
    const asked = askNginx(config, run);
    const why = await scorerProblem(config, { run, user: null });
    if (why !== null) throw new Error(`the scorer does not start with it: ${why}`);
    return asked;
  } finally {
    rmSync(run, { recursive: true, force: true });
  }
}

function askNginx(config: Config, run: string): string {
  const nginx = findNginx();
  if (!nginx) return 'nginx was not asked: there is none with Lua here';
  writeFileSync(join(run, 'secret'), '0'.repeat(64), { mode: 0o600 });
  const logs = { ...config.logs, access: 'run/access.log', error: 'run/error.log' };
  const problem = nginxProblem({ ...config, logs }, { run, nginx, user: null });
  if (problem !== null) throw new Error(`nginx refuses it: ${problem}`);
  return `nginx ${nginx.version.join('.')} agrees`;
}

process.exitCode = await check(process.argv.slice(2));
