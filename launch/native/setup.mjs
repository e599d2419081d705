// `npm run setup:tfjs-node`: gives @tensorflow/tfjs-node its native library, where npm could not. Plain JavaScript,
// because it may have to install the npm packages first.
import { parseArgs } from 'node:util';
import { checkNode, ensureNpmPackages } from '../setup.mjs';
import { fail, root, say } from '../steps.mjs';
import { check, fetchPackages, useInstaller, useWheel } from './build.mjs';
import { makeStage, place } from './place.mjs';
import { ensureTools, thisSystem, unsupported } from './system.mjs';

const USAGE = `usage: npm run setup:tfjs-node [-- --force]

Installs TensorFlow.js's native library (about 600 MB in node_modules), which then computes instead of wasm.
  --force   builds it again, though there is one that works`;

function options() {
  try {
    const { values } = parseArgs({ options: { force: { type: 'boolean' }, help: { type: 'boolean' } } });
    return values;
  } catch (error) {
    process.stderr.write(`scoregate: ${/** @type {Error} */ (error).message}\n${USAGE}\n`);
    process.exit(2);
  }
}

/** Nothing outside of the stage changes before the library in it has been seen to work. */
async function build() {
  const stage = makeStage();
  say('fetching @tensorflow/tfjs-node and what it needs');
  await fetchPackages(stage);
  say("trying the package's own installer");
  const reason = await useInstaller(stage);
  if (reason !== null) {
    say(`it could not install (${reason}): building from the libraries of TensorFlow's Python package`);
    await useWheel(stage);
    const built = await check(stage);
    if (!built.ok) fail(`what was built does not work here: ${built.output}; nothing has been changed`);
  }
  place(stage);
}

const { force, help } = options();
if (help) {
  console.log(USAGE);
  process.exit(0);
}
const why = unsupported(thisSystem());
if (why !== null) fail(why);
checkNode();
await ensureNpmPackages();
const present = await check(root);
if (present.ok && !force) {
  say(`already there: ${present.output} (--force builds it again)`);
  process.exit(0);
}
if (!present.ok) say(`there is no native library that works: ${present.output}`);
await ensureTools();
await build();
const result = await check(root);
if (!result.ok) fail(`it does not work in node_modules: ${result.output}; try again with --force`);
say(`the native library works: ${result.output}`);
