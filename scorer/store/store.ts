/**
 * What every window store does: Redis (redis.ts), this process's memory (memory.ts), and the one that falls back from
 * the first to the second (fallback.ts). The shape is one, so that whoever counts does not know where.
 */
import type { Bitmap } from '../observations.ts';

/** One client of a report, as it came in POST /score_ip; `key` is its normalised address. */
export interface Reported {
  readonly key: string;
  /** Pairs of age in whole seconds at sending, and hits. */
  readonly hits?: readonly (readonly [number, number])[] | undefined;
  /** Observations by name: counts as integers, bitmaps as two halves. Absent names add nothing. */
  readonly added: Readonly<Record<string, number | Bitmap>>;
}

export interface Batch {
  /** gateway/start/worker */
  readonly sender: string;
  /** Rises per sender; a batch whose `seq` is not above the sender's last one was counted before. */
  readonly seq: number;
  /** The gateway that thereby shows that it is alive; '' for senders that are none. */
  readonly gateway: string;
  readonly clients: readonly Reported[];
  /** Milliseconds of the monotonic clock (performance.now) at which the batch came in. */
  readonly at: number;
}

/** A moment on the store's clock. */
export interface Moment {
  /** Unix seconds. */
  s: number;
  /** 0…999 */
  ms: number;
}

export interface Applied {
  now: Moment;
  /** False if the batch had been counted before. */
  counted: boolean;
  /** Gateways seen in the last 3 s. */
  gateways: number;
  /** The generation that the store holds; 0 if it has none. */
  generation: number;
  /** One packed record (record.ts) per client of the batch, in its order; empty for a client never seen. */
  records: Buffer[];
}

/** A client's tier; per line, the second until which its score had not fallen below; and when it was last let go. */
export interface Standing {
  /** Index of the tier; -1 if none is known. */
  tier: number;
  /** Unix second per line; 0 where it does not matter. In the best tier: when the client was forgotten, or 0. */
  since: readonly number[];
  /** Unix second of its last move to a better tier; 0 if there was none. */
  returned: number;
}

/** A standing to write into a client's record, and the one that the judgement found there. */
export interface Held extends Standing {
  key: string;
  found: Standing;
}

export type Change = { ip: string; forget: true } | { ip: string; pin: string | null };

/** Generation, pins and the changes of the last generations, as one value. */
export interface ChangeState {
  generation: number;
  /** The kept changes are complete for whoever holds this generation or a later one. */
  complete: number;
  pins: Map<string, string>;
  /** Oldest first. */
  kept: { generation: number; change: Change }[];
}

export interface WindowStore {
  /** Counts a batch, unless it was counted before, and returns the records as they are then. */
  apply(batch: Batch): Promise<Applied>;
  /** The same answer for some clients; counts nothing. */
  look(keys: readonly string[]): Promise<Applied>;
  /**
   * Writes tiers into the records. Where another scorer has written one since the judgement looked, the worse of the
   * two stands, but for two cases. A client that was forgotten meanwhile stays so: whatever the judgement saw was
   * before. And one that another scorer has let go stays free if the judgement only kept the tier that it found (no
   * `since` of it is later than the found one); the next report judges anew. A judgement that saw an offence in its
   * window stands, though the release was written first: the client may go quiet, and nobody would judge it again.
   */
  hold(held: readonly Held[]): Promise<void>;
  /** Raises the generation, to at least `floor`, and applies and keeps `changes`. */
  change(changes: readonly Change[], floor: number): Promise<ChangeState>;
  /** Generation, pins and kept changes. */
  changes(): Promise<ChangeState>;
  close(): Promise<void>;
}

/** How long after a report its gateway counts as alive. */
export const GATEWAY_ALIVE_S = 3;
/** How long a sender's last seq is remembered; a batch is never sent again after so long. */
export const SENDER_KEPT_S = 3600;
/** How many changes are kept for gateways that missed them. */
export const CHANGES_KEPT = 1000;
