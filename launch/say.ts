/** What the launcher says, and where: the standard output that it shares with the processes it starts. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';

for (const fd of [1, 2]) appendOnly(fd);

/**
 * Where standard output is a file, all who write to it must append, or nginx, which opens /dev/stdout by itself,
 * and the others overwrite each other's lines. The flag belongs to the open file that we share with our parent and
 * our children; Node cannot set it, but coreutils' dd sets it on the output that it inherits (oflag=append).
 */
function appendOnly(fd: number): void {
  try {
    if (!fstatSync(fd).isFile()) return;
  } catch {
    return;
  }
  const stdio = ['ignore', fd, 'ignore'] as const;
  spawnSync('dd', ['if=/dev/null', 'oflag=append', 'conv=notrunc', 'status=none'], { stdio: [...stdio] });
}

/** Says something that happened, once. */
export function say(text: string): void {
  print(`scoregate: ${text}\n`);
}

/** Prints text as it is. A closed terminal is no reason to stop serving. */
export function print(text: string): void {
  try {
    writeSync(1, text);
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
