/** What the stages of training hand on: a line of an access log, wherever it came from. */
export interface Entry {
  /** Unix time in seconds; whole for logs, which know no better. */
  time: number;
  /** The client key: verdicts, labels and windows are about it. */
  client: string;
  /** The address as it was logged. */
  address: string;
  method: string;
  /** As it was on the wire, one character per byte: log escapes (\x22) are undone. */
  target: string;
  status: number;
  bytes: number;
  /** '' where the log has "-". */
  referer: string;
  userAgent: string;
}

/** How a client is to be scored: 0, 0.5 and 1. */
export const CLASSES = ['people', 'polite', 'abuse'] as const;
export type Class = (typeof CLASSES)[number];
export const TARGET: Record<Class, number> = { people: 0, polite: 0.5, abuse: 1 };

/** A client's label and what it rests on. */
export interface Label {
  class: Class;
  reason: string;
}
/** By client key. A client without a label is not trained on. */
export type Labels = Map<string, Label>;
