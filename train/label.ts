/**
 * Labels for clients of real logs, with hindsight: from a client's whole life in the log, by evidence that is not how
 * many requests it makes in a minute. What fits nothing stays unlabelled and is not trained on.
 *
 *   abuse    most of many answers are errors (a scanner); or many POSTs to one path, each without a page before it (a
 *            login or xmlrpc campaign)
 *   polite   says in its agent that it is a crawler, a feed reader or a monitor, and was no abuse; or reads robots.txt
 *   people   loads assets with a page of the same site as their referer, with pauses as people have, hardly an error
 */
import { isAsset, pathOf } from '../scorer/observations.ts';
import type { Entry, Label, Labels } from './entry.ts';

const DECLARED =
  /bot\b|bot\/|crawl|spider|slurp|feed|rss|reader|monitor|uptime|pingdom|archiver|facebookexternalhit/i;
const ERRORS_AT_LEAST = 10;
const POSTS_AT_LEAST = 20;
const ASSETS_AT_LEAST = 3;

interface Life {
  requests: number;
  errors: number;
  assetsWithReferer: number;
  robots: boolean;
  declared: boolean;
  pauses: number;
  last: number;
  posts: Map<string, number>;
  pages: number;
}

const newLife = (): Life => ({
  requests: 0,
  errors: 0,
  assetsWithReferer: 0,
  robots: false,
  declared: false,
  pauses: 0,
  last: 0,
  posts: new Map(),
  pages: 0,
});

function live(life: Life, entry: Entry): void {
  const path = pathOf(entry.target);
  life.requests += 1;
  if (entry.status >= 400 && entry.status < 500) life.errors += 1;
  if (path === '/robots.txt') life.robots = true;
  if (DECLARED.test(entry.userAgent)) life.declared = true;
  if (isAsset(path)) {
    if (entry.referer !== '') life.assetsWithReferer += 1;
  } else if (entry.method === 'POST') life.posts.set(path, (life.posts.get(path) ?? 0) + 1);
  else life.pages += 1;
  if (life.last > 0 && entry.time - life.last >= 3) life.pauses += 1;
  life.last = entry.time;
}

function labelOf(life: Life): Label | null {
  const { requests, errors, pages, pauses, assetsWithReferer } = life;
  const share = errors / requests;
  if (errors >= ERRORS_AT_LEAST && share >= 0.7) return { class: 'abuse', reason: 'mostly missing paths' };
  const most = Math.max(0, ...life.posts.values());
  if (most >= POSTS_AT_LEAST && pages < most / 4 && assetsWithReferer < most / 4) {
    return { class: 'abuse', reason: 'posts to one path without visiting pages' };
  }
  if (life.declared) return { class: 'polite', reason: 'declared in its user agent' };
  if (life.robots) return { class: 'polite', reason: 'reads robots.txt' };
  if (assetsWithReferer >= ASSETS_AT_LEAST && pages > 0 && share < 0.2 && pauses > 0) {
    return { class: 'people', reason: 'assets with referers, and pauses' };
  }
  return null;
}

/** @param entries of one site, in the order of time */
export function label(entries: readonly Entry[]): Labels {
  const lives = new Map<string, Life>();
  for (const entry of entries) {
    let life = lives.get(entry.client);
    if (!life) lives.set(entry.client, (life = newLife()));
    live(life, entry);
  }
  const labels: Labels = new Map<string, Label>();
  for (const [client, life] of lives) {
    const found = labelOf(life);
    if (found) labels.set(client, found);
  }
  return labels;
}
