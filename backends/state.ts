/** What one running node knows of itself. */

/** How a node was told to behave; docs/demo.md. */
export interface Behaviour {
  /** What GET /health says. */
  health: 'ok' | 'failing';
  /** How much later every answer comes, ms; /health and /control are spared, here and below. */
  delay_ms: number;
  /** The error status of every answer; null for the answers themselves. */
  status: number | null;
}

export const NORMAL: Behaviour = { health: 'ok', delay_ms: 0, status: null };

export interface NodeState {
  readonly name: string;
  readonly since: Date;
  /** Requests so far, without those of /health and /control. */
  requests: number;
  inFlight: number;
  stopping: boolean;
  behaviour: Behaviour;
}

export const newState = (name: string): NodeState => ({
  name,
  since: new Date(),
  requests: 0,
  inFlight: 0,
  stopping: false,
  behaviour: NORMAL,
});

const ASIDE = new Set(['/health', '/control']);

/** The target without its query. */
export const pathOf = (url: string): string => url.split('?', 1)[0] ?? '';

/** Whether a request is about the node and not to the site. */
export const isAside = (url: string): boolean => ASIDE.has(pathOf(url));
