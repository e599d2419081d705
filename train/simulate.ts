/**
 * Traffic to train on when there are no logs: people, polite automation and abuse, each client with habits of its own
 * drawn from wide ranges, for half an hour. Seeded. It knows nothing of any real site, and says so in the manifest.
 */
import { seeded, type Random } from '../scorer/random.ts';
import type { Class, Entry, Label, Labels } from './entry.ts';

export interface Traffic {
  entries: Entry[];
  labels: Labels;
}

const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36';
const LASTS_S = 1800;
const SITE = 'https://site.example';

export type Send = (time: number, request: Partial<Entry>) => void;
export type Habit = (random: Random, send: Send) => void;

export const between = (random: Random, low: number, high: number): number => low + random() * (high - low);
/** Wide ranges: as many clients between 1 and 10 as between 10 and 100. */
export const anywhere = (random: Random, low: number, high: number): number => low * (high / low) ** random();
export const pick = <T>(random: Random, list: readonly T[]): T =>
  list[Math.floor(random() * list.length)] as T;

/** Think times are log-normal (Huberman et al., 1998, found surfing to be heavy-tailed); the median differs by person. */
function thinkTime(random: Random, median: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.min(600, median * Math.exp(0.8 * normal));
}

/** A person: pages with their assets, the first with a cold cache, then a pause. */
export const person: Habit = (random, send) => {
  const median = anywhere(random, 4, 60);
  const assets = anywhere(random, 1, 45);
  const pages = Math.ceil(anywhere(random, 1, 40));
  let time = random() * LASTS_S;
  for (let page = 0; page < pages && time < LASTS_S; page++) {
    const target = `/page/${Math.floor(random() * 200)}`;
    send(time, { target, referer: page === 0 && random() < 0.6 ? '' : `${SITE}/`, bytes: 20_000 });
    const fetched = page === 0 ? assets : assets * between(random, 0.02, 0.25);
    for (let k = 0; k < fetched; k++) {
      const missing = random() < 0.005;
      send(time + between(random, 0.1, 2), {
        target: `/static/${Math.floor(random() * 60)}.${pick(random, ['css', 'js', 'png', 'webp', 'woff2'])}`,
        referer: SITE + target,
        status: missing ? 404 : 200,
        bytes: 8_000,
      });
    }
    time += thinkTime(random, median);
  }
};

/** Somebody at work on the site, or in a picture gallery: page after page, each with much to load. */
const busyPerson: Habit = (random, send) => {
  const perMinute = anywhere(random, 30, 150);
  const end = Math.min(LASTS_S, between(random, 200, LASTS_S));
  for (let time = 0; time < end; time += (60 / perMinute) * between(random, 0, 2)) {
    const page = random() < 0.3;
    const target = page ? `/edit/${Math.floor(random() * 50)}` : `/static/${Math.floor(random() * 900)}.jpg`;
    send(time, { target, method: page && random() < 0.3 ? 'POST' : 'GET', bytes: 9_000 });
  }
};

/** A feed reader or a monitor: the same thing again and again, rarely. */
const poller: Habit = (random, send) => {
  const every = anywhere(random, 20, 900);
  const target = pick(random, ['/feed', '/rss.xml', '/health', '/']);
  for (let time = random() * every; time < LASTS_S; time += every * between(random, 0.9, 1.1)) {
    send(time, { target, referer: '', userAgent: 'FeedReader/2.1 (+https://reader.example)', bytes: 5_000 });
  }
};

/** A declared crawler: page after page with a steady delay. */
const crawler: Habit = (random, send) => {
  const every = 60 / anywhere(random, 12, 150);
  let page = Math.floor(random() * 1000);
  for (let time = random() * 600; time < LASTS_S; time += every * between(random, 0.7, 1.3)) {
    const status = random() < 0.04 ? 404 : 200;
    const userAgent = 'ExampleBot/1.0 (+https://bot.example)';
    send(time, { target: `/page/${page++}`, referer: '', status, bytes: 20_000, userAgent });
  }
};

/** A scanner: paths that are not there, as fast as it likes. */
const scanner: Habit = (random, send) => {
  const perMinute = anywhere(random, 20, 3000);
  const requests = anywhere(random, 50, 4000);
  let time = random() * (LASTS_S / 2);
  for (let k = 0; k < requests && time < LASTS_S; k++, time += (60 / perMinute) * between(random, 0.5, 1.5)) {
    const userAgent = pick(random, ['', 'curl/8.0', BROWSER]);
    send(time, { target: `/probe/${k}.php`, referer: '', status: random() < 0.95 ? 404 : 200, userAgent });
  }
};

/** Brute force: one form, again and again, hardly an error. */
const bruteForce: Habit = (random, send) => {
  const perMinute = anywhere(random, 30, 600);
  let time = random() * (LASTS_S / 2);
  for (; time < LASTS_S; time += (60 / perMinute) * between(random, 0.5, 1.5)) {
    send(time, { method: 'POST', target: '/login', referer: '', bytes: 3_000 });
  }
};

/** A flood: as many requests as it can. */
const flood: Habit = (random, send) => {
  const perSecond = anywhere(random, 5, 60);
  const start = random() * (LASTS_S / 2);
  const end = Math.min(LASTS_S, start + between(random, 20, 120));
  for (let time = start; time < end; time += (1 / perSecond) * between(random, 0.5, 1.5)) {
    send(time, { target: `/?${Math.floor(random() * 1e6)}`, referer: '' });
  }
};

const CAST: readonly [Class, string, number, Habit][] = [
  ['people', 'simulated person', 600, person],
  ['people', 'simulated busy person', 60, busyPerson],
  ['polite', 'simulated feed reader or monitor', 100, poller],
  ['polite', 'simulated crawler', 60, crawler],
  ['abuse', 'simulated scanner', 120, scanner],
  ['abuse', 'simulated brute force', 60, bruteForce],
  ['abuse', 'simulated flood', 60, flood],
];

/** @returns entries in the order of time, and every client's label */
export const simulate = (seed: number): Traffic => play(seed, CAST);

/** The same of any cast: class, reason, number of clients, what each does. */
export function play(seed: number, cast: readonly (readonly [Class, string, number, Habit])[]): Traffic {
  const random = seeded(seed);
  const entries: Entry[] = [];
  const labels: Labels = new Map<string, Label>();
  let number = 0;
  for (const [kind, reason, clients, habit] of cast) {
    for (let i = 0; i < clients; i++) {
      const client = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
      number += 1;
      labels.set(client, { class: kind, reason });
      habit(random, (time, request) => entries.push({ ...usual(client), ...request, time }));
    }
  }
  return { entries: entries.sort((a, b) => a.time - b.time), labels };
}

const usual = (client: string): Entry => ({
  time: 0,
  client,
  address: client,
  method: 'GET',
  target: '/',
  status: 200,
  bytes: 500,
  referer: `${SITE}/`,
  userAgent: BROWSER,
});
