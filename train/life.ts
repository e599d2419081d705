/** A client's whole life in a log, as far as a label needs it. */
import type { Entry } from './entry.ts';
import { agentOf, evidenceOf, refererPath } from './evidence.ts';

/** More different paths than this say no more about a client. */
const MOST_PATHS = 4000;

export interface Life {
  requests: number;
  paths: Set<string>;
  /** Paths that were answered with 404 or 410 and to which no page of the site led. */
  missing: Set<string>;
  errors: number;
  attacks: number;
  /** Paths as probes have them, that were refused or missing; all of them, whatever the answer. */
  probes: Set<string>;
  /** Requests that are probes, attacks or for a login page. */
  unwanted: number;
  /** Requests for a login page, POSTs to it, and those of them that did not lead on (a login that succeeds does). */
  logins: number;
  loginPosts: number;
  loginFailures: number;
  posts: number;
  oddMethods: number;
  pages: Set<string>;
  /** Requests for pages that were answered, and how many of them another page visited before had led to. */
  pagesSeen: number;
  linked: number;
  assets: number;
  /** Assets whose referer is a page that this client has visited: the site's own link graph. */
  assetsFit: number;
  pauses: number;
  lastPage: number;
  feeds: number;
  robots: boolean;
  scanner: boolean;
  declared: number;
  browser: number;
  /** The most requests that it ever made in one minute of the clock. */
  peak: number;
  minute: number;
  inMinute: number;
  first: number;
  last: number;
}

export const newLife = (time: number): Life => ({
  ...{
    requests: 0,
    errors: 0,
    attacks: 0,
    unwanted: 0,
    logins: 0,
    loginPosts: 0,
    loginFailures: 0,
    posts: 0,
  },
  ...{ oddMethods: 0, pagesSeen: 0, linked: 0, assets: 0, assetsFit: 0, pauses: 0, lastPage: 0, feeds: 0 },
  ...{ robots: false, scanner: false, declared: 0, browser: 0, peak: 0, minute: 0, inMinute: 0 },
  ...{ paths: new Set(), missing: new Set(), probes: new Set(), pages: new Set(), first: time, last: time },
});

const USUAL = new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'DELETE', 'PATCH']);
const PAUSE_S = 2;

const remember = (set: Set<string>, text: string): void => {
  if (set.size < MOST_PATHS) set.add(text);
};

function liveByTime(life: Life, time: number): void {
  const minute = Math.floor(time / 60);
  life.inMinute = minute === life.minute ? life.inMinute + 1 : 1;
  life.minute = minute;
  life.peak = Math.max(life.peak, life.inMinute);
  life.last = time;
}

/** Adds a request to a life, in place. */
export function live(life: Life, entry: Entry): void {
  const { status, method } = entry;
  const seen = evidenceOf(entry.target);
  const agent = agentOf(entry.userAgent);
  const from = refererPath(entry);
  life.requests += 1;
  remember(life.paths, seen.path);
  liveByTime(life, entry.time);
  if (status >= 400 && status !== 499 && !seen.customary) life.errors += 1;
  const gone = status === 404 || status === 410;
  if (gone && !seen.customary && (from === '' || !life.pages.has(from))) remember(life.missing, seen.path);
  if (seen.attack || method === 'CONNECT') life.attacks += 1;
  const probe = (seen.probe && status >= 400) || (seen.neverLinked && (from === '' || !life.pages.has(from)));
  if (probe) remember(life.probes, seen.path);
  if (probe || seen.login || seen.attack) life.unwanted += 1;
  if (seen.login) liveLogin(life, method, status);
  if (method === 'POST') life.posts += 1;
  if (!USUAL.has(method)) life.oddMethods += 1;
  if (seen.feed) life.feeds += 1;
  if (seen.path === '/robots.txt') life.robots = true;
  if (agent.scanner) life.scanner = true;
  if (agent.declared) life.declared += 1;
  else if (agent.browser) life.browser += 1;
  if (seen.asset) {
    life.assets += 1;
    if (status < 400 && from !== '' && life.pages.has(from)) life.assetsFit += 1;
  } else if (status < 400) livePage(life, seen.path, from, entry.time);
}

function liveLogin(life: Life, method: string, status: number): void {
  life.logins += 1;
  if (method !== 'POST') return;
  life.loginPosts += 1;
  if (status < 300 || status >= 400) life.loginFailures += 1;
}

function livePage(life: Life, path: string, from: string, time: number): void {
  life.pagesSeen += 1;
  if (from !== '' && from !== path && life.pages.has(from)) life.linked += 1;
  if (life.lastPage > 0 && time - life.lastPage >= PAUSE_S) life.pauses += 1;
  life.lastPage = time;
  remember(life.pages, path);
}
