import type { Row } from './table.ts';

/** What a measurement answers: rows of the table, what is to be said beside it, and everything for the JSON. */
export interface Measured {
  rows: Row[];
  notes: string[];
  data: Record<string, unknown>;
  /** What makes the run a failure: counts that are not exact. */
  errors?: string[];
}
