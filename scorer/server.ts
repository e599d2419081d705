/** The scorer's process: reads the configuration, puts the parts together, listens, stops. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { LogController } from 'fastify';
import { pino } from 'pino';
import { ConfigError, readConfig } from '../config/read.ts';
import type { Config } from '../config/schema.ts';
import { hysteresisOf, lineCount } from '../config/tiers.ts';
import { makeApp } from './app.ts';
import { Metrics } from './metrics.ts';
import { ModelError } from './model.ts';
import { Service } from './service.ts';
import { FallbackStore, type Log } from './store/fallback.ts';
import { MemoryStore } from './store/memory.ts';
import { RedisStore } from './store/redis.ts';
import type { WindowStore } from './store/store.ts';
import { loadFitting, Takeover } from './takeover.ts';

const ROOT = path.join(import.meta.dirname, '..');
const STOP_MS = 800;

/** `check`: only tell whether it would start, by exit status and standard error. */
function options(): { config: string; run: string; check: boolean } {
  const { values } = parseArgs({
    options: { config: { type: 'string' }, run: { type: 'string' }, check: { type: 'boolean' } },
  });
  return {
    check: values.check ?? false,
    config: values.config ?? process.env['SCOREGATE_CONFIG'] ?? path.join(ROOT, 'scoregate.yaml'),
    run: values.run ?? process.env['SCOREGATE_RUN'] ?? path.join(ROOT, 'run'),
  };
}

function readSecret(run: string, log: Log): string | null {
  try {
    const secret = readFileSync(path.join(run, 'secret'), 'utf8').trim();
    if (secret !== '') return secret;
  } catch {
    // Said below, as for an empty one.
  }
  log.warn({ file: path.join(run, 'secret') }, 'there is no secret: only this machine may report');
  return null;
}

async function openStore(
  config: Config,
  metrics: Metrics,
  log: Log,
): Promise<{ store: WindowStore; memory: MemoryStore }> {
  const holding = hysteresisOf(config);
  const { clients } = config.limits;
  if (config.redis === 'memory') {
    const memory = new MemoryStore({ holding, clients });
    return { store: memory, memory };
  }
  const redis = new RedisStore({ url: config.redis, holding, onRoundTrip: (s) => metrics.redis.observe(s) });
  // One clock for both: records of Redis go on in memory when it is down.
  const memory = new MemoryStore({ holding, clients, clock: () => redis.nowMs() });
  return { store: await FallbackStore.open({ redis, memory, log }), memory };
}

/** "127.0.0.1:5000", "[::1]:5000", "scorer:5000" */
function listenAt(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

async function main(): Promise<void> {
  const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime, name: 'scorer' });
  const { config: file, run, check } = options();
  // The file in force: whoever wrote it has laid the environment's values over it already.
  const config = readConfig(file, {}, {});
  if (check) return (await loadFitting(config.model, lineCount(config))).close();
  const metrics = new Metrics();
  const takeover = await Takeover.start({
    dir: config.model,
    lines: lineCount(config),
    log,
    onTaken: async () => void (await service.bump()),
    onResult: (result) => metrics.takeovers.inc({ result }),
  });
  const { store, memory } = await openStore(config, metrics, log);
  const service = new Service({
    store,
    memory,
    model: () => takeover.model,
    tiers: config.tiers.map((tier) => tier.name),
    defaultTier: config.default_tier,
    hysteresis: hysteresisOf(config),
    metrics,
    log,
  });
  await service.bump(); // model and configuration may be others than before
  const at = listenAt(config.scorer.listen);
  const fastify = await makeApp(
    {
      service,
      metrics,
      secret: readSecret(run, log),
      hosts: [at.host, listenAt(config.scorer.address ?? config.scorer.listen).host, hostname()],
      trustedProxies: config.trusted_proxies,
      refusal: () => takeover.refusal,
    },
    { loggerInstance: log, logController: new LogController({ disableRequestLogging: true }) },
  );
  stopOn(
    ['SIGTERM', 'SIGINT'],
    async () => {
      takeover.close();
      await fastify.close();
      await service.close();
    },
    log,
  );
  await fastify.listen(at);
  takeover.watch();
  const { version, backend, nativeFailure, compiled, monotone } = takeover.model;
  if (nativeFailure !== undefined) log.warn({ reason: nativeFailure }, `${backend} computes instead`);
  log.info(
    { at: config.scorer.listen, model: version, backend, compiled, monotone, store: service.storeInUse() },
    'ready',
  );
}

/** Stops within a second, whatever hangs: a gateway sends again what it got no answer for. */
function stopOn(signals: NodeJS.Signals[], stop: () => Promise<void>, log: Log): void {
  for (const signal of signals) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping');
      setTimeout(() => process.exit(0), STOP_MS).unref();
      stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
}

main().catch((error: unknown) => {
  const known = error instanceof ConfigError || error instanceof ModelError;
  const code = (error as NodeJS.ErrnoException | null)?.code;
  const text =
    known || code === 'EADDRINUSE' ? (error as Error).message : ((error as Error)?.stack ?? String(error));
  process.stderr.write(`scorer: ${code === undefined ? '' : `${code}: `}${text}\n`);
  process.exit(1);
});
