/** `npm run bench [-- SUBJECT]`: measures Scoregate beside its peers, prints a table and leaves JSON in run/bench/. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from '../config/paths.ts';
import { ensureSystemPackages } from '../launch/setup.mjs';
import { balancer } from './balancer.ts';
import { floods } from './flood.ts';
import { instructions } from './instructions.ts';
import { latency } from './latency.ts';
import { machine } from './machine.ts';
import type { Measured } from './measured.ts';
import { memory } from './memory.ts';
import { off } from './off.ts';
import { OptionError, parseOptions, USAGE, type Options, type Subject } from './options.ts';
import { scorerAlone } from './scorer.ts';
import { Stand } from './stand.ts';
import { surroundings } from './surroundings.ts';
import { table, type Row } from './table.ts';
import { throughput } from './throughput.ts';
import { stopWrk } from './wrk.ts';

interface Measurement {
  measure: (stand: Stand, options: Options) => Promise<Measured>;
  /** What it needs beside the gateway's own: Debian's package, and the program. */
  needs: Record<string, string>;
}

const MEASUREMENTS: Record<Subject, Measurement> = {
  throughput: { measure: throughput, needs: { wrk: 'wrk', haproxy: 'haproxy' } },
  instructions: { measure: instructions, needs: { valgrind: 'valgrind' } },
  surroundings: { measure: surroundings, needs: { valgrind: 'valgrind' } },
  off: { measure: off, needs: { valgrind: 'valgrind' } },
  latency: { measure: latency, needs: { wrk: 'wrk', 'nghttp2-client': 'h2load' } },
  flood: { measure: floods, needs: {} },
  scorer: { measure: scorerAlone, needs: {} },
  memory: { measure: memory, needs: { wrk: 'wrk' } },
  balancer: {
    measure: balancer,
    needs: { wrk: 'wrk', haproxy: 'haproxy', 'nghttp2-client': 'h2load', openssl: 'openssl' },
  },
};

let stand: Stand | null = null;

/** Measures one subject with processes of its own, and writes its JSON. */
async function measure(subject: Subject, options: Options): Promise<Measured> {
  const found = MEASUREMENTS[subject];
  process.stdout.write(`measuring ${subject} …\n`);
  const started = Date.now();
  stand = new Stand();
  try {
    const measured = await found.measure(stand, options);
    const facts = machine(stand.nginx);
    const folder = join(root, 'run/bench');
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${subject}.json`);
    const { rows, data, errors = [] } = measured;
    const text = {
      subject,
      at: new Date(started).toISOString(),
      machine: facts,
      options,
      rows,
      errors,
      data,
    };
    writeFileSync(file, `${JSON.stringify(text, null, 2)}\n`);
    process.stdout.write(
      `${measured.notes.join('\n')}\n  ${((Date.now() - started) / 1000).toFixed(0)} s; ${relative(root, file)}\n\n`,
    );
    return measured;
  } finally {
    await stand.stop();
    stand = null;
  }
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (!options) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  const needs = options.subjects.map((subject) => MEASUREMENTS[subject].needs);
  await ensureSystemPackages(Object.assign({}, ...needs) as Record<string, string>);
  const rows: Row[] = [];
  const errors: string[] = [];
  for (const subject of options.subjects) {
    const measured = await measure(subject, options);
    rows.push(...measured.rows);
    errors.push(...(measured.errors ?? []));
  }
  process.stdout.write(`${table(rows)}\n`);
  for (const error of errors) process.stderr.write(`bench: ${error}\n`);
  return errors.length === 0 ? 0 : 1;
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    stopWrk();
    void Promise.resolve(stand?.stop()).finally(() => process.exit(code));
  });
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    const text = error instanceof OptionError ? error.message : ((error as Error).stack ?? String(error));
    process.stderr.write(`bench: ${text}\n`);
    process.exit(error instanceof OptionError ? 2 : 1);
  },
);
