/** What the parts of nginx.conf's rendering share. */
import { NGINX_SYNTAX } from './formats.ts';

/** What the rendering must know of this machine and of this start. */
export interface Place {
  /** The folder for pid, temporary files and logs. */
  run: string;
  /** The file of the secret. */
  secret: string;
  /** The folder that this rendering itself is written to: `run`, or another one when it is only tried out. */
  folder: string;
  /** Folders of Lua libraries that this nginx does not look in by itself. */
  luaFolders: readonly string[];
  /** The folder of Lua libraries in C, or null when this nginx finds them by itself. */
  luaLibraries: string | null;
  /** The user of nginx's workers when its master is root; null when it is not. */
  user: string | null;
  /** Whether /dev/stdout can be opened for the access log. */
  stdout: boolean;
  /** How many files a process may have open. */
  openFiles: number;
  /** Eight hexadecimal digits that no other rendering has: request ids begin with it, and are unique from one start of
   * nginx to the next; with the line's timestamp they are so beyond it. */
  start: string;
  /** Worker processes; the configuration's `auto` resolved. */
  workers: number;
  /** Whether this nginx has HTTP/2 as a directive (1.25.1), and not as an option of `listen`. */
  http2Directive: boolean;
  /** The file of the authorities that this system trusts. */
  systemCa: string;
  /** Addresses of this machine's name servers. */
  nameServers: readonly string[];
}

/** A path as an nginx string. Throws when it has characters that nginx or Lua would take for something else. */
export function quoted(path: string): string {
  if (NGINX_SYNTAX.test(path)) {
    throw new Error(
      `the path ${path} has characters that nginx reads as syntax; move the folder to a plainer path`,
    );
  }
  return `"${path}"`;
}

/** Every line of the text, two columns further in. */
export const indent = (text: string): string => text.replace(/^(?=.)/gm, '  ');
