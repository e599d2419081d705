/** The demo application as a process, started once for each backend. docs/demo.md says what it answers. */
import type { FastifyInstance } from 'fastify';
import { backend } from './app.ts';
import { openLog } from './log.ts';
import { OptionError, parseOptions, USAGE } from './options.ts';
import { readRates } from './rates.ts';

/** Below the 10 s after which Docker kills. `npm start` waits less: its gateway has finished all requests before. */
const STOP_WITHIN_MS = 5000;

await main().catch((error: Error) => {
  console.error(`backends/server.ts: ${error.message}`);
  process.exit(error instanceof OptionError ? 2 : 1);
});

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) return console.log(USAGE);
  const { name, port, host, log, logFile, secret, everyPath } = options;
  const app = await backend({
    name,
    secret,
    everyPath,
    rates: readRates(options.rates),
    log: openLog(name, { stdout: log, file: logFile }),
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop(app, name));
  await app.listen({ port, host });
}

/** Takes no new connection, closes idle ones, finishes what is under way, and after a while ends what is left. */
async function stop(app: FastifyInstance, name: string): Promise<void> {
  const timer = setTimeout(() => {
    console.error(
      `${name}: requests were under way for ${STOP_WITHIN_MS} ms after the end was asked for; cut off`,
    );
    app.server.closeAllConnections();
  }, STOP_WITHIN_MS);
  await app.close();
  clearTimeout(timer);
  process.exit(0);
}
