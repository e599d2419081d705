/** What the scorer says of a client, and whether it agrees with what was sent. */
import net from 'node:net';

export interface Said {
  score: number | null;
  tier: string | null;
  requests60s: number | null;
}

const TIMEOUT_MS = 5000;

/** Resolves if something listens there. A connection only: a request would count as one of this machine's. */
export function reachable(url: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const socket = net.connect({ host, port: url.port === '' ? 80 : Number(url.port), timeout: TIMEOUT_MS });
    socket.on('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.on('timeout', () => socket.destroy(new Error('no answer within 5 s')));
    socket.on('error', reject);
  });
}

/** A property of whatever JSON is; undefined where there is none. */
const get = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null);

/** GET /score_ip?ip=: looks, and counts nothing. @throws Error when there is no usable answer */
export async function ask(scorer: URL, key: string): Promise<Said> {
  const url = new URL(`/score_ip?ip=${encodeURIComponent(key)}`, scorer);
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) {
    const code = get(get(body, 'error'), 'code');
    throw new Error(`status ${response.status}${typeof code === 'string' ? ` ${code}` : ''}`);
  }
  const tier = get(body, 'tier');
  return {
    score: numberOf(get(body, 'score')),
    tier: typeof tier === 'string' ? tier : null,
    requests60s: numberOf(get(body, 'requests_60s') ?? get(get(body, 'window'), 'requests_60s')),
  };
}

export interface Compared {
  /** Requests that were sent in the 60 s before the scorer was asked. */
  sent: number;
  agrees: boolean;
}

/**
 * Windows are exact to the second, not finer: at either end a request may be counted a second sooner or later, and one
 * more when its report was on its way. Within that, what was sent and what the scorer says must be equal.
 * @param due when the client's requests were due, ms
 * @param now when the scorer answered, on the same clock
 */
export function compare(due: readonly number[], now: number, said: number): Compared {
  const within = (seconds: number): number => due.filter((at) => at > now - seconds * 1000).length;
  return { sent: within(60), agrees: said >= within(58.5) && said <= within(61.5) };
}
