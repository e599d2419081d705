/** The model that serves, and its successor: looked for each second, taken when it is sound. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ModelError, loadModel, type Model } from './model.ts';
import type { Log } from './store/fallback.ts';

export interface TakeoverOptions {
  dir: string;
  /** How many thresholds fit the configured tiers. */
  lines: number;
  log: Log;
  onTaken: () => Promise<void>;
  onResult: (result: 'taken' | 'refused') => void;
  everyMs?: number;
}

const FILES = ['manifest.json', 'model.json', 'weights.bin', 'golden.json'];
/** Batches that began with the old model have ended by then. */
const CLOSE_AFTER_MS = 5000;

/** Loads a model and checks that it fits the tiers; one tier alone takes any, without its lines. @throws ModelError */
export async function loadFitting(dir: string, lines: number): Promise<Model> {
  const model = await loadModel(dir);
  if (model.thresholds.length === lines) return model;
  if (lines === 0) return { ...model, thresholds: [] };
  model.close();
  const reason = `it has ${model.thresholds.length} thresholds, ${lines + 1} tiers need ${lines}`;
  const fix = 'train a model for these tiers, or configure tiers for this model';
  throw new ModelError('MODEL_SHAPE', path.join(dir, 'manifest.json'), reason, fix);
}

export class Takeover {
  readonly #o: TakeoverOptions;
  #model: Model;
  #seen: string;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  /** Why the model that lies in the folder does not serve. */
  refusal: string | undefined;

  private constructor(options: TakeoverOptions, model: Model, seen: string) {
    this.#o = options;
    this.#model = model;
    this.#seen = seen;
  }

  /** @throws ModelError if the folder holds no sound model */
  static async start(options: TakeoverOptions): Promise<Takeover> {
    const seen = await signature(options.dir);
    return new Takeover(options, await loadFitting(options.dir, options.lines), seen);
  }

  get model(): Model {
    return this.#model;
  }

  /** From now on looks each second. */
  watch(): void {
    if (this.#closed) return;
    const again = (): void => void this.look().finally(() => this.watch());
    this.#timer = setTimeout(again, this.#o.everyMs ?? 1000).unref();
  }

  /** Looks now. */
  async look(): Promise<void> {
    const seen = await signature(this.#o.dir);
    if (seen === this.#seen) return;
    this.#seen = seen;
    try {
      await this.#take(await loadFitting(this.#o.dir, this.#o.lines));
    } catch (error) {
      this.refusal = error instanceof Error ? error.message : String(error);
      this.#o.onResult('refused');
      this.#o.log.warn(
        { reason: this.refusal, running: this.#model.version },
        'a model was refused: the running one stays',
      );
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #take(model: Model): Promise<void> {
    this.refusal = undefined;
    const old = this.#model;
    if (old.version === model.version) return model.close(); // written again: the version is of all that decides
    this.#model = model;
    setTimeout(() => old.close(), CLOSE_AFTER_MS).unref();
    this.#o.onResult('taken');
    this.#o.log.info(
      { version: model.version, before: old.version, compiled: model.compiled },
      'a new model serves',
    );
    await this.#o.onTaken();
  }
}

/** Changes when a file of the model does; a file that is not there is part of it. */
async function signature(dir: string): Promise<string> {
  const marks = FILES.map(async (name) => {
    const found = await stat(path.join(dir, name)).catch(() => null);
    return found === null ? '-' : `${found.ino}:${found.mtimeMs}:${found.size}`;
  });
  return (await Promise.all(marks)).join(' ');
}
