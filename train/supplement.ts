/**
 * What real logs hold too little of to learn from, simulated and seeded: floods by one client, and many people behind
 * one address. A small share of the training data (docs/model.md); no model is judged by it.
 */
import type { Random } from '../scorer/random.ts';
import type { Class } from './entry.ts';
import { anywhere, between, person, pick, play, type Habit, type Send } from './simulate.ts';
import type { Site } from './sites.ts';

const LASTS_S = 600;
const LONGEST = 1500;
const AGENTS = [
  'curl/8.5.0',
  'python-requests/2.31.0',
  'Go-http-client/1.1',
  '',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36',
  'Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0',
];

type Target = (random: Random, k: number) => string;
const ONE_PATH: Target = () => '/';
const RANDOM_QUERY: Target = (random) => `/?${Math.floor(random() * 1e9)}`;
const SEARCHES: Target = (random) => `/search?q=${Math.floor(random() * 1e6)}`;
const PAGES: Target = (_, k) => `/archive/${k}`;

/** Requests to whatever `target` says, as many as 2 to 200 a second, for as long as it likes. */
const flood =
  (target: Target): Habit =>
  (random, send) => {
    const gap = 1 / anywhere(random, 2, 200);
    const userAgent = pick(random, AGENTS);
    const referer = random() < 0.25 ? 'https://site.example/' : '';
    const busy = random() < 0.3 ? 0.2 : 0;
    let time = random() * LASTS_S;
    for (let k = 0; k < LONGEST && time < LASTS_S; k++, time += gap * between(random, 0.5, 1.5)) {
      const status = random() < busy ? 503 : 200;
      send(time, { target: target(random, k), referer, userAgent, status, bytes: 5_000 });
    }
  };

/** The same form sent again and again; every answer is the form. */
const logins: Habit = (random, send) => {
  const gap = 1 / anywhere(random, 1, 50);
  const userAgent = pick(random, AGENTS);
  const target = pick(random, ['/login', '/session', '/account/signin.php']);
  const referer = random() < 0.5 ? `https://site.example${target}` : '';
  let time = random() * LASTS_S;
  for (let k = 0; k < LONGEST && time < LASTS_S; k++, time += gap * between(random, 0.5, 1.5)) {
    send(time, { method: 'POST', target, referer, userAgent, bytes: 3_000 });
  }
};

/** Browsers of an office: most have one of two, as versions and systems differ. */
const BROWSERS = [131, 131, 131, 130, 130, 129, 128, 115].map(
  (version, i) =>
    `Mozilla/5.0 (${i % 2 === 0 ? 'Windows NT 10.0; Win64; x64' : 'X11; Linux x86_64'}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0 Safari/537.36`,
);

/** Somebody signs in: asks for the form and sends it when it is filled in. */
function signIn(random: Random, send: Send, time: number): void {
  const target = '/login';
  send(time, { target, bytes: 3_000 });
  const referer = `https://site.example${target}`;
  send(time + anywhere(random, 3, 40), { method: 'POST', target, referer, status: 302 });
}

/**
 * An office, a school, a mobile network: 5 to 60 people, each as a person alone, their caches warm more often than not.
 * Most sign in, of every other office all within two minutes: one's form comes back just when another asks for it.
 */
const office: Habit = (random, send) => {
  const people = Math.round(anywhere(random, 5, 60));
  const arriving = random() < 0.5 ? 120 : LASTS_S;
  for (let k = 0; k < people; k++) {
    const warm = random();
    const start = random() * arriving;
    const userAgent = pick(random, BROWSERS);
    const sendHis: Send = (time, request) => send(time, { ...request, userAgent });
    if (random() < 0.7) signIn(random, sendHis, start);
    const sendLater: Send = (time, request) => {
      const asset = request.target?.startsWith('/static/') === true;
      const status = asset && request.status === 200 && random() < warm ? 304 : (request.status ?? 200);
      sendHis(start + time, { ...request, status });
    };
    person(random, sendLater);
  }
};

/** Of a flood the first requests look like anybody's: nothing is to be learned from them. */
const UNTIL_SURE = 60;

/** There are few of them, and where they are nothing else is. */
const WEIGHT = 3;

type Cast = readonly [Class, string, number, Habit];
const FLOODS: readonly Cast[] = [
  ['abuse', 'simulated flood of one path', 16, flood(ONE_PATH)],
  ['abuse', 'simulated flood with a random query', 12, flood(RANDOM_QUERY)],
  ['abuse', 'simulated flood of searches', 8, flood(SEARCHES)],
  ['abuse', 'simulated flood of pages', 12, flood(PAGES)],
  ['abuse', 'simulated flood of logins', 12, logins],
];
const OFFICES: readonly Cast[] = [['people', 'simulated office', 40, office]];

/** @returns two sites, to learn from and not to judge by */
export function supplement(seed: number): Site[] {
  return [
    { name: 'simulated floods', ...play(seed, FLOODS), learnFrom: UNTIL_SURE, weight: WEIGHT },
    { name: 'simulated offices', ...play(seed + 1, OFFICES), weight: WEIGHT },
  ];
}
