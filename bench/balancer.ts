/**
 * Scoregate as a plain load balancer (one tier) beside nginx and HAProxy that do the same: round robin, least
 * connections, answers from the cache, TLS with HTTP/2. With `mode: off` it does no more than they; otherwise it counts
 * and scores its clients as well.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scores } from '../config/mode.ts';
import type { Overrides } from '../config/schema.ts';
import { Certificates, type CertificateFiles } from '../test/harness/certificates.ts';
import { h2loadSecure } from './h2load.ts';
import { haproxyBalancer, type Balancing } from './haproxy.ts';
import { idle } from './idle.ts';
import { load, makeKnown } from './known.ts';
import type { Measured } from './measured.ts';
import { gatewayMetrics, shares } from './metrics.ts';
import type { Options } from './options.ts';
import { startHaproxy, startPlain, startScoregate, type Peer } from './peers.ts';
import { plainConf, usualConf } from './plain.ts';
import { plainSite, pooledSite, TIER } from './site.ts';
import { PORTS, tlsPort, type Stand } from './stand.ts';
import { row, times, type Row } from './table.ts';
import { cpuRatio, interleaved, linesOf, rate, ratio, type Load, type Turns } from './turns.ts';
import { CONNECTIONS } from './wrk.ts';

const CLIENTS = 1000;
const CACHE_S = 600;
/** [must, aim] against plain nginx. */
const LIMITS: [number, number] = [0.93, 0.97];

/** What is compared. */
interface Case {
  name: string;
  /** What plain nginx is made of: Scoregate's rendering of these settings. */
  nginx: Overrides;
  haproxy: Balancing;
  /** Scoregate's settings and port, by the name that it has in the table. */
  scoregate: Record<string, [overrides: Overrides, port: number]>;
  run: (peer: Peer, seconds: number) => Promise<Load>;
  /** Headers of an answer, by which it is seen that a proxy does what is asked of it. */
  shows?: (headers: Headers) => boolean;
}

const OFF = 'Scoregate, mode off';
const OPEN_FILES = 'nginx with open_file_cache';

/** The same settings twice: clients are counted and scored, or are not. `of` gives those of a port. */
const both = (of: (port: number) => Overrides): Case['scoregate'] => ({
  [OFF]: [{ ...of(PORTS.off), mode: 'off' }, PORTS.off],
  Scoregate: [of(PORTS.scoregate), PORTS.scoregate],
});

const byWrk = (peer: Peer, seconds: number): Promise<Load> => load(peer, CLIENTS, seconds);

function cases(certificate: CertificateFiles, pem: string): Case[] {
  const least = pooledSite({ balance: 'least_connections' });
  const cached: Overrides = { ...plainSite, cache: { enabled: true, ttl_s: CACHE_S } };
  const secure = (port: number): Overrides => ({
    ...plainSite,
    tls: { certificates: [certificate], port: tlsPort(port), redirect: false },
  });
  return [
    {
      name: 'round robin',
      nginx: plainSite,
      haproxy: { balance: 'roundrobin' },
      scoregate: {
        ...both(() => plainSite),
        'Scoregate, live pool': [pooledSite({ live: true }), PORTS.spare],
      },
      run: byWrk,
    },
    {
      name: 'least connections',
      nginx: least,
      haproxy: { balance: 'leastconn' },
      scoregate: {
        ...both(() => least),
        'Scoregate, live pool': [pooledSite({ balance: 'least_connections', live: true }), PORTS.spare],
      },
      run: byWrk,
    },
    {
      name: 'cache hits',
      nginx: cached,
      haproxy: { balance: 'roundrobin', cache_s: CACHE_S },
      scoregate: both(() => cached),
      run: byWrk,
      // HAProxy says only how old an answer is.
      shows: (headers) => headers.get('x-cache') === 'HIT' || headers.has('age'),
    },
    {
      name: 'TLS with HTTP/2',
      nginx: secure(PORTS.nginx),
      haproxy: { balance: 'roundrobin', pem },
      scoregate: both(secure),
      run: async ({ port, emptyLog }, seconds) => {
        const done = await h2loadSecure(port === PORTS.haproxy ? port : tlsPort(port), seconds);
        emptyLog();
        return done;
      },
    },
  ];
}

const hasVerdicts = ({ config }: Peer): boolean => config !== undefined && scores(config);

/** Starts the proxies of a case, Scoregate with its clients known, and sees to it that they do what is asked. */
async function start(stand: Stand, one: Case): Promise<Peer[]> {
  const peers = [
    await startPlain(stand, { overrides: one.nginx, change: (rendered) => usualConf(rendered, TIER) }),
    await startHaproxy(stand, haproxyBalancer(PORTS.haproxy, one.haproxy)),
  ];
  if (one.haproxy.cache_s !== undefined) {
    const change = (rendered: string): string => plainConf(rendered, TIER);
    const setup = { name: OPEN_FILES, port: PORTS.spare, overrides: one.nginx, change };
    peers.push(await startPlain(stand, setup));
  }
  for (const [name, [overrides, port]] of Object.entries(one.scoregate)) {
    const peer = await startScoregate(stand, { name, port, overrides });
    if (hasVerdicts(peer)) await makeKnown(peer, CLIENTS);
    peers.push(peer);
  }
  for (const { name, port } of one.shows ? peers : []) {
    const ask = (): Promise<Response> => fetch(`http://127.0.0.1:${port}/articles/bench.html`);
    await ask();
    const { headers } = await ask();
    if (!one.shows?.(headers))
      throw new Error(`${one.name}: ${name} does not do it; its answer has ${JSON.stringify([...headers])}`);
  }
  return peers;
}

interface Found {
  name: string;
  turns: Turns;
  /** Scoregate's requests by where the verdict came from, by its name; none in mode off. */
  origins: Record<string, Record<string, number>>;
}

/**
 * Every round starts all of them anew, every other one the last first: how fast the same program is on this kind of machine
 * depends, by up to a tenth, on where its memory happened to be put.
 */
async function compare(stand: Stand, one: Case, options: Options): Promise<Found> {
  const turns: Turns = new Map();
  const origins: Found['origins'] = {};
  for (let round = 0; round < options.rounds; round++) {
    await stand.backend();
    const peers = await start(stand, one);
    const order = round % 2 === 0 ? peers : [...peers].reverse();
    for (const [name, done] of await interleaved(order, one.run, { ...options, rounds: 1 }))
      turns.set(name, [...(turns.get(name) ?? []), ...done]);
    for (const peer of peers) {
      if (peer.config && hasVerdicts(peer)) origins[peer.name] = (await gatewayMetrics(peer.config)).origins;
    }
    await stand.clear();
  }
  return { name: one.name, turns, origins };
}

/** Scoregate against nginx as people write it, and where there is one against nginx that keeps the cache's files open. */
const rowsOf = ({ name, turns }: Found): Row[] =>
  [...turns.keys()]
    .filter((who) => who.startsWith('Scoregate'))
    .flatMap((who) =>
      ['nginx', OPEN_FILES]
        .filter((nginx) => turns.has(nginx))
        .map((nginx) => {
          const value = ratio(turns, who, nginx, rate);
          const haproxy = `HAProxy ${times(ratio(turns, 'HAProxy', nginx, rate))}, ${cpuRatio(turns, 'HAProxy', nginx)}`;
          const more = `${cpuRatio(turns, who, nginx)}; ${haproxy}`;
          return row(`${name}, ${who}, against ${nginx}`, value, times, { least: LIMITS }, more);
        }),
    );

const notesOf = ({ name, turns, origins }: Found): string[] => [
  `  ${name}:`,
  ...linesOf(turns),
  ...Object.entries(origins).map(([who, counts]) => `    verdicts of ${who}: ${shares(counts)}`),
];

/** Measures all of it, and what connections cost that nobody uses. */
export async function balancer(stand: Stand, options: Options): Promise<Measured> {
  const certificates = new Certificates();
  const found: Found[] = [];
  try {
    const certificate = certificates.make('bench', ['DNS:localhost', 'IP:127.0.0.1']);
    const pem = join(certificates.folder, 'both.pem');
    writeFileSync(pem, readFileSync(certificate.certificate, 'utf8') + readFileSync(certificate.key, 'utf8'));
    for (const one of cases(certificate, pem)) found.push(await compare(stand, one, options));
  } finally {
    certificates.remove();
  }
  const connections = await idle(stand, plainSite, TIER);
  return {
    rows: [...found.flatMap(rowsOf), ...connections.rows],
    notes: [
      `balancer: one tier of three backends; ${options.rounds} interleaved rounds of ${options.seconds} s, all started anew in each, wrk with`,
      `  ${CONNECTIONS} connections and ${CLIENTS} clients, over TLS h2load with 8 clients. Requests and CPU time per request are`,
      '  medians, ratios medians of the ratios of each round. nginx and Scoregate log through a buffer; HAProxy writes',
      '  each line to a file, and caches in memory.',
      ...found.flatMap(notesOf),
      ...connections.notes,
    ],
    data: {
      cases: found.map((one) => ({ ...one, turns: Object.fromEntries(one.turns) })),
      idle: connections.data,
    },
  };
}
