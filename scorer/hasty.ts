/**
 * Whether a form comes back faster than a person could fill it in: what the path of a POST was last asked for with GET.
 * lua/scoregate/pages.lua does the same in the gateway. Pure.
 */

/** The last two pages that a client asked for with GET, and when: seconds. */
export interface Pages {
  page: string;
  at: number;
  pageBefore: string;
  atBefore: number;
}

/** In a log of whole seconds: what is asked for and sent back in one second, or in two that follow each other. */
export const HASTY_S = 2;

export const noPages = (): Pages => ({ page: '', at: -Infinity, pageBefore: '', atBefore: -Infinity });

/**
 * Notes a request.
 * @param page its path, and its user agent, as people behind one address may ask for the same; '' for an asset
 * @param time of its arrival in seconds, as exactly as it is known; not before that of the last one
 * @returns whether it is hasty: no GET, and one of the last two pages, asked for less than HASTY_S before
 */
export function isHasty(pages: Pages, method: string, page: string, time: number): boolean {
  if (page === '') return false;
  if (method !== 'GET') {
    return (
      (page === pages.page && time - pages.at < HASTY_S) ||
      (page === pages.pageBefore && time - pages.atBefore < HASTY_S)
    );
  }
  pages.pageBefore = pages.page;
  pages.atBefore = pages.at;
  pages.page = page;
  pages.at = time;
  return false;
}
