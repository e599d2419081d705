/** What the launcher says, and where: the standard output that it shares with the processes it starts. */
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';

/**
 * Standard output and error for this process and its children. Where one is a file it is opened again for
 * appending: nginx opens /dev/stdout by itself, and without O_APPEND two writers overwrite each other's lines.
 */
export const streams = { out: appending(1), err: appending(2) };

function appending(fd: number): number {
  try {
    return fstatSync(fd).isFile() ? openSync(`/proc/self/fd/${fd}`, 'a') : fd;
  } catch {
    return fd;
  }
}

/** Says something that happened, once. */
export function say(text: string): void {
  print(`scoregate: ${text}\n`);
}

/** Prints text as it is. A closed terminal is no reason to stop serving. */
export function print(text: string): void {
  try {
    writeSync(streams.out, text);
  } catch {
    // nobody reads any more
  }
}

/** Whether nginx can open /dev/stdout: not when it is a socket, as under systemd or when Node starts us. */
export function canOpenStdout(): boolean {
  try {
    // Without O_NONBLOCK, opening a pipe that nobody reads would wait for ever.
    closeSync(openSync('/dev/stdout', constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}
