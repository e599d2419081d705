/** `npm run setup:tfjs-node`, but for the download and the build: those are `npm run test:native`. */
import assert from 'node:assert/strict';
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { after } from 'node:test';
import { root } from '../../config/paths.ts';
import { PACKAGE, makeStage, place } from '../../launch/native/place.mjs';
import { unsupported } from '../../launch/native/system.mjs';
import { expectedBackend } from '../model/backend.ts';

const dir = mkdtempSync(join(tmpdir(), 'scoregate-native-'));
after(() => rmSync(dir, { recursive: true, force: true }));

function setup(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [join(root, 'launch/native/setup.mjs'), ...args], { encoding: 'utf8' });
}

/** Writes packages, path → version, and npm's own list of them. */
function install(folder: string, packages: Record<string, string>): void {
  const text = (value: object): string => JSON.stringify(value);
  for (const [path, version] of Object.entries(packages)) {
    mkdirSync(join(folder, path), { recursive: true });
    writeFileSync(join(folder, path, 'package.json'), text({ version }));
  }
  const list = Object.fromEntries(Object.entries(packages).map(([path, version]) => [path, { version }]));
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  writeFileSync(join(folder, 'node_modules/.package-lock.json'), text({ packages: list }));
}

const read = (...path: string[]): unknown => JSON.parse(readFileSync(join(...path), 'utf8'));

test('an option that it does not know is refused with those that it has', () => {
  const { status, stderr } = setup('--fast');
  assert.equal(status, 2);
  assert.match(stderr, /'--fast'/);
  assert.match(stderr, /--force/);
});

test('a system for which there is no native library is told so, and that wasm goes on serving', () => {
  const linux = { platform: 'linux', arch: 'x64', glibc: '2.36' };
  assert.equal(unsupported(linux), null);
  for (const [system, reason] of [
    [{ ...linux, arch: 'arm64' }, /linux on arm64/],
    [{ ...linux, platform: 'darwin' }, /darwin on x64/],
    [{ ...linux, glibc: undefined }, /another C library/],
    [{ ...linux, glibc: '2.12' }, /glibc 2\.12/],
  ] as const) {
    assert.match(unsupported(system) ?? '', reason);
    assert.match(unsupported(system) ?? '', /wasm backend goes on serving/);
  }
});

test('what was built is moved into place with what it lacks there; everything else stays as it is', () => {
  const folder = join(dir, 'place');
  install(folder, { 'node_modules/tar': '1.0.0', [PACKAGE]: '1.0.0' });
  const stage = makeStage(folder);
  install(stage, {
    ...{
      'node_modules/tar': '2.0.0',
      'node_modules/rimraf': '2.0.0',
      'node_modules/rimraf/node_modules/glob': '2.0.0',
    },
    [PACKAGE]: '2.0.0',
  });
  place(stage, folder);
  const versions = [
    'node_modules/tar',
    'node_modules/rimraf',
    'node_modules/rimraf/node_modules/glob',
    PACKAGE,
  ].map((path) => (read(folder, path, 'package.json') as { version: string }).version);
  assert.deepEqual(versions, ['1.0.0', '2.0.0', '2.0.0', '2.0.0']);
  const { packages } = read(folder, 'node_modules/.package-lock.json') as { packages: object };
  assert.deepEqual(Object.keys(packages).sort(), Object.keys(packages));
  assert.ok('node_modules/rimraf/node_modules/glob' in packages);
});

test('what a killed run has left is cleared away, and that of a running one is not', () => {
  const folder = join(dir, 'left');
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  const [killed, running] = [pid, process.ppid].map((id) =>
    join(folder, `node_modules/.setup-tfjs-node-${id}`),
  );
  for (const left of [killed, running]) mkdirSync(left as string, { recursive: true });
  const stage = makeStage(folder);
  assert.ok(!existsSync(killed as string) && existsSync(running as string) && existsSync(stage));
  assert.equal(dirname(stage), join(folder, 'node_modules'));
});

test(
  'where the native library works there is nothing to do',
  { skip: expectedBackend !== 'tfjs-node' },
  () => {
    const { status, stderr } = setup();
    assert.equal(status, 0, stderr);
    assert.match(stderr, /already there: tfjs-node 4\.22\.0 with TensorFlow 2\./);
  },
);
