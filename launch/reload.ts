/** `npm run reload [-- --run DIR]`: asks the running `npm start` to apply its configuration, and says what came of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { runFolder } from '../config/paths.ts';
import { running, takeAnswer } from './folder.ts';
import { optionsOf } from './usage.ts';

const USAGE = `npm run reload [-- --run DIR]

  --run DIR   the run folder of the gateway (default: run)`;

const ANSWER_WITHIN_MS = 40_000;

async function reload(): Promise<number> {
  const values = optionsOf(USAGE, { run: { type: 'string' } });
  const run = runFolder(values.run);
  const pid = running(run);
  if (pid === null) {
    console.error(
      `nothing runs from ${run}; start it with npm start (another run folder: npm run reload -- --run DIR)`,
    );
    return 1;
  }
  takeAnswer(run);
  process.kill(pid, 'SIGHUP');
  for (const ends = Date.now() + ANSWER_WITHIN_MS; Date.now() < ends; await sleep(50)) {
    const answer = takeAnswer(run);
    if (answer === null) continue;
    console.log(answer.text);
    return answer.ok ? 0 : 1;
  }
  console.error(`process ${pid} did not answer within ${ANSWER_WITHIN_MS / 1000} s`);
  return 1;
}

process.exitCode = await reload();
