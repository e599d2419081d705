import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { root } from '../../config/paths.ts';

for (const program of ['backtest', 'train']) {
  test(`npm run ${program} ends without a word when nobody reads its output any more`, async () => {
    const child = spawn(process.execPath, ['launch/run.mjs', `train/${program}.ts`, '--help'], { cwd: root });
    child.stdout.destroy();
    let said = '';
    child.stderr.on('data', (data: Buffer) => (said += data.toString()));
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(said, '');
    assert.equal(code, 141);
  });
}
