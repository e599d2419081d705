/**
 * Labels for clients of real logs, with hindsight: from a client's whole life in the log, by evidence that the model
 * does not see in the same form. What fits nothing, or two things, stays unlabelled and is not trained on.
 *
 * abuse   an attack in a target; a scanner's name; probes for secrets and administration pages that are not there;
 *         many paths that are not there and that no page led to; logins that fail, or hardly anything but logins; POSTs to
 *         forms by something that never loads what a page needs; WebDAV and the like refused; a flood
 * polite  says in its agent that it is a crawler, a feed reader or a monitor, or reads robots.txt, or only feeds, or
 *         the same page again and again at a steady pace for hours; and did none of the above
 * people  a browser that loads the assets of the pages that it visits, or follows links from page to page with
 *         pauses; hardly an error; and none of the above
 *
 * These are the labels that models are judged by: they are not to be changed to make a model look better.
 */
import type { Entry, Label, Labels } from './entry.ts';
import { live, newLife, type Life } from './life.ts';

const MISSING_AT_LEAST = 8;
const FAILURES_AT_LEAST = 5;
const POSTS_AT_LEAST = 3;
/** Somebody's office: as many assets that fit outweigh a line that looks odd. */
const FITTING = 10;
const FLOOD_A_MINUTE = 200;
const POLLS = 50;
const HOURS_S = 2 * 3600;

const abuse = (reason: string): Label => ({ class: 'abuse', reason });
const polite = (reason: string): Label => ({ class: 'polite', reason });

function abuseOf(life: Life): Label | null {
  const { requests, attacks, probes, assetsFit, missing, paths, declared, posts, loginPosts } = life;
  const says = declared > requests / 2;
  if (attacks > 0 && assetsFit < FITTING * attacks) return abuse('attack in a target');
  if (life.scanner) return abuse("a scanner's user agent");
  if (probes.size >= 2 && assetsFit < FITTING * probes.size && !(says && probes.size < 5)) {
    return abuse('probes for what is not there');
  }
  if (life.loginFailures >= FAILURES_AT_LEAST && life.loginFailures > (requests - life.assets) / 2) {
    return abuse('logins that fail');
  }
  if (life.unwanted >= requests / 2 && assetsFit === 0 && !says) {
    return abuse(life.logins === requests ? 'nothing but logins' : 'mostly probes and logins');
  }
  if (missing.size >= MISSING_AT_LEAST && missing.size >= 0.6 * paths.size && !says) {
    return abuse('paths that are not there');
  }
  if (
    posts - loginPosts >= POSTS_AT_LEAST &&
    posts > 0.3 * requests &&
    life.assets === 0 &&
    life.browser > requests / 2
  ) {
    return abuse('posts without ever loading a page whole');
  }
  if (life.oddMethods >= POSTS_AT_LEAST && life.errors > requests / 2)
    return abuse('methods that are refused');
  return life.peak >= FLOOD_A_MINUTE && assetsFit === 0 && !says ? abuse('flood') : null;
}

/** Whether abuse, though not enough of it for a label, speaks against any other. */
const suspect = ({ attacks, probes, missing, errors, requests, loginFailures }: Life): boolean =>
  attacks > 0 ||
  probes.size > 1 ||
  missing.size >= 5 ||
  errors > Math.max(1, 0.25 * requests) ||
  loginFailures > 3;

function politeOf(life: Life): Label | null {
  const { requests, declared, attacks, probes, feeds, robots, assetsFit, paths, errors } = life;
  if (attacks > 0 || probes.size >= 5) return null;
  // Crawlers follow old links, to administration pages too.
  if (declared > 0.9 * requests) return polite('declared in its user agent');
  if (probes.size > 1) return null;
  if (requests >= 3 && feeds > 0.9 * requests) return polite('reads feeds only');
  if (robots && assetsFit === 0 && !suspect(life)) return polite('reads robots.txt');
  const steady = requests >= POLLS && paths.size <= 3 && life.last - life.first > HOURS_S;
  return steady && errors < requests / 10 && life.posts === 0 && life.assets === 0
    ? polite('polls the same page')
    : null;
}

function peopleOf(life: Life): Label | null {
  const { requests, browser, assetsFit, linked, pauses, robots, pagesSeen, feeds } = life;
  if (suspect(life) || robots || browser < 0.9 * requests || feeds > requests / 2) return null;
  // Pages without a pause between them are no reading.
  if (pagesSeen > 5 && pauses < pagesSeen / 10) return null;
  if (assetsFit >= 3) return { class: 'people', reason: 'loads what its pages need' };
  if (linked >= 3 && pauses >= 3 && linked > pagesSeen / 3 && life.posts < linked) {
    return { class: 'people', reason: 'follows links with pauses' };
  }
  return null;
}

/** @returns the label of a life, or null where the evidence is not enough */
export const labelOf = (life: Life): Label | null => abuseOf(life) ?? politeOf(life) ?? peopleOf(life);

/**
 * @param entries of one site, in the order of time
 * @param given labels that the operator's own lists give, which stand
 */
export function label(
  entries: readonly Entry[],
  given: (client: string) => Label | null = () => null,
): Labels {
  const lives = new Map<string, Life>();
  for (const entry of entries) {
    let life = lives.get(entry.client);
    if (!life) lives.set(entry.client, (life = newLife(entry.time)));
    live(life, entry);
  }
  const labels: Labels = new Map<string, Label>();
  for (const [client, life] of lives) {
    const found = given(client) ?? labelOf(life);
    if (found) labels.set(client, found);
  }
  return labels;
}
