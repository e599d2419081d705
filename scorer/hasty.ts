/**
 * Whether a form comes back faster than a person could fill it in: what the path of a POST was last asked for with GET.
 * lua/scoregate/pages.lua does the same in the gateway. Pure.
 */

/** The last two pages (GET, but for assets) that a client asked for, and when: seconds. */
export interface Pages {
  path: string;
  at: number;
  pathBefore: string;
  atBefore: number;
}

/** In a log of whole seconds: what is asked for and sent back in one second, or in two that follow each other. */
export const HASTY_S = 2;

export const noPages = (): Pages => ({ path: '', at: -Infinity, pathBefore: '', atBefore: -Infinity });

/**
 * Notes a request.
 * @param time of its arrival in seconds, as exactly as it is known; not before that of the last one
 * @returns whether it is hasty: no GET, and its path is one of the last two pages, asked for less than HASTY_S before
 */
export function isHasty(
  pages: Pages,
  { method, path, asset }: { method: string; path: string; asset: boolean },
  time: number,
): boolean {
  if (method !== 'GET') {
    return (
      (path === pages.path && time - pages.at < HASTY_S) ||
      (path === pages.pathBefore && time - pages.atBefore < HASTY_S)
    );
  }
  if (asset) return false;
  pages.pathBefore = pages.path;
  pages.atBefore = pages.at;
  pages.path = path;
  pages.at = time;
  return false;
}
