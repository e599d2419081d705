/**
 * What a form that is sent says by what its client asked for before. lua/scoregate/pages.lua does the same in the gateway.
 * Pure.
 */

/** The last two pages that a client asked for with GET, and when: seconds. */
export interface Pages {
  page: string;
  at: number;
  pageBefore: string;
  atBefore: number;
}

/**
 * hasty: a form comes back faster than a person could fill it in. unasked: from a client who, as far as is remembered, has
 * asked for no page at all, which could have held a form. Neither is said of a GET.
 */
export const FORMS = ['hasty', 'unasked'] as const;
export type Form = (typeof FORMS)[number];

/** In a log of whole seconds: what is asked for and sent back in one second, or in two that follow each other. */
export const HASTY_S = 2;

export const noPages = (): Pages => ({ page: '', at: -Infinity, pageBefore: '', atBefore: -Infinity });
/** Of a client that has asked for pages, none of them of late. */
export const longAgo = (): Pages => ({ ...noPages(), at: 0 });
/** Whether a client has asked for a page, as far as is remembered. */
export const hasAsked = ({ at }: Pages): boolean => at !== -Infinity;

/**
 * Notes a request.
 * @param page its path, and its user agent, as people behind one address may ask for the same; '' for an asset
 * @param time of its arrival in seconds, as exactly as it is known; not before that of the last one
 * @returns undefined for all that is nothing special
 */
export function formOf(pages: Pages, method: string, page: string, time: number): Form | undefined {
  if (method !== 'GET') {
    if (!hasAsked(pages)) return 'unasked';
    const hasty =
      (page === pages.page && time - pages.at < HASTY_S) ||
      (page === pages.pageBefore && time - pages.atBefore < HASTY_S);
    return hasty ? 'hasty' : undefined;
  }
  if (page === '') return undefined;
  pages.pageBefore = pages.page;
  pages.atBefore = pages.at;
  pages.page = page;
  pages.at = time;
  return undefined;
}
