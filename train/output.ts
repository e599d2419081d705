/** A file that an option names: written beside its place, and put there when it is whole. */
import {
  closeSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
  type Stats,
} from 'node:fs';

/** A file that cannot be written, or must not be. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
}

const found = (file: string): Stats | undefined => statSync(file, { throwIfNoEntry: false });

export class Output {
  readonly #named: string;
  readonly #file: string;
  /** Where it is until then: a device or a pipe has nothing beside it. */
  readonly #made: string;
  readonly #open: number;

  /**
   * @param option that names the file, for errors
   * @param sources files that are read meanwhile
   * @throws OutputError if it cannot be written, or is one of the sources
   */
  constructor(option: string, file: string, sources: readonly string[]) {
    this.#named = `${option} ${file}`;
    const there = this.#try(() => found(file));
    const same = sources.find((source) => {
      const one = source === '-' ? undefined : found(source);
      return one?.isFile() && one.dev === there?.dev && one.ino === there.ino;
    });
    if (same !== undefined)
      throw new OutputError(`${this.#named}: is the log that is read; name another file`);
    this.#file = there === undefined ? file : realpathSync(file);
    const inPlace = there !== undefined && !there.isFile();
    this.#made = inPlace ? this.#file : `${this.#file}.new-${process.pid}`;
    this.#open = this.#try(() => openSync(this.#made, 'w'));
  }

  /** @throws OutputError */
  write(text: string): void {
    const bytes = Buffer.from(text);
    this.#try(() => {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#open, bytes, at);
    });
  }

  /** It is whole. @throws OutputError */
  close(): void {
    closeSync(this.#open);
    if (this.#made !== this.#file) this.#try(() => renameSync(this.#made, this.#file));
  }

  /** It will not be whole: what was there before stays. */
  discard(): void {
    closeSync(this.#open);
    if (this.#made !== this.#file) rmSync(this.#made, { force: true });
  }

  #try<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw new OutputError(`${this.#named}: could not be written: ${(error as Error).message}`);
    }
  }
}
