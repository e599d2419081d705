// What the native library of tfjs-node needs of the system.
import { spawnSync } from 'node:child_process';
import { aptInstall } from '../apt.mjs';
import { which } from '../find.mjs';
import { fail, say } from '../steps.mjs';

const GLIBC = 17; // 2.17: what wheels of the kind manylinux2014 are built for
const WASM = 'the wasm backend goes on serving, and computes the same';

/**
 * @typedef {{ platform: string, arch: string, glibc: string | undefined }} System
 * @returns {System}
 */
export function thisSystem() {
  const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport());
  return { platform: process.platform, arch: process.arch, glibc: header.glibcVersionRuntime };
}

/**
 * Why there can be no native library here; null when there can.
 * @param {System} system
 * @returns {string | null}
 */
export function unsupported({ platform, arch, glibc }) {
  const needed = `the native library needs Linux on x86_64 with glibc 2.${GLIBC} or newer`;
  if (platform !== 'linux' || arch !== 'x64') return `${needed}; this is ${platform} on ${arch}: ${WASM}`;
  if (glibc === undefined) return `${needed}; this system has another C library: ${WASM}`;
  const [major = 0, minor = 0] = glibc.split('.').map(Number);
  return major > 2 || minor >= GLIBC ? null : `${needed}; this is glibc ${glibc}: ${WASM}`;
}

/** What must be installed to build, by the names of Debian's packages. */
function missingTools() {
  const missing = ['python3', 'make', 'g++'].filter((name) => !which(name));
  const pip = spawnSync('python3', ['-m', 'pip', '--version'], { stdio: 'ignore' });
  return pip.status === 0 ? missing : [...missing, 'python3-pip'];
}

/** Installs what of the tools is missing, or says what to install and ends the process. */
export async function ensureTools() {
  const missing = missingTools();
  if (missing.length === 0) return;
  const command = `apt-get install ${missing.join(' ')}`;
  if (!which('apt-get'))
    fail(`install Python 3 with pip, make and g++ (missing: ${missing.join(', ')}); ${WASM}`);
  if (process.getuid?.() !== 0) fail(`missing: ${missing.join(' ')}. Install with: sudo ${command}; ${WASM}`);
  say(`missing: ${missing.join(' ')}`);
  await aptInstall(missing);
  const still = missingTools();
  if (still.length > 0) fail(`still missing after ${command}: ${still.join(' ')} (see above); ${WASM}`);
}
