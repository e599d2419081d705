/** What `npm run pool` and `npm run top` ask of a running gateway: its admin address, in the words of /status. */
import { existsSync } from 'node:fs';
import { runFolder } from '../config/paths.ts';
import { readConfig } from '../config/read.ts';
import { effectiveConfig } from './parts.ts';

export interface Quantiles {
  n: number;
  p50: number;
  p95: number;
  p99: number;
}

type Times = Partial<Record<'1m' | '5m', Quantiles>>;

export interface BackendStatus {
  backend: string;
  /** None while none is known of its name. */
  address?: string;
  state: string;
  why?: string;
  weight: number;
  max_connections: number;
  backup: boolean;
  in_flight: number;
  requests: number;
  errors: number;
  response_ms: Times;
  last_check?: { ago_s: number; ok: boolean; status: number; ms: number; why?: string };
}

export interface TierStatus {
  tier: string;
  balance: string;
  state: string;
  why?: string;
  in_flight: number;
  requests: number;
  retries: number;
  unserved: number;
  /** Requests that waited for a backend, and those that did in vain or found the line full. */
  queued: number;
  queue_expired: number;
  response_ms: Times;
  backends: BackendStatus[];
}

/** A gateway that does not answer, or not as it was asked to; the message says what to do. */
export class AdminError extends Error {}

/** The address of the gateway that runs from a folder (default: the usual one). Throws AdminError, and what readConfig() throws. */
export function adminOf(run?: string): string {
  const folder = runFolder(run);
  const file = effectiveConfig(folder);
  if (existsSync(file)) return readConfig(file, {}, {}).admin;
  throw new AdminError(
    `nothing runs from ${folder}; start it with npm start (another run folder: --run DIR)`,
  );
}

/** A kept connection that the gateway closed just then, as its workers do when they go after a reload (RFC 9110, 9.2.2). */
const wasClosed = ({ cause }: Error): boolean =>
  ['UND_ERR_SOCKET', 'ECONNRESET'].includes((cause as NodeJS.ErrnoException | undefined)?.code ?? '');

async function ask(
  admin: string,
  path: string,
  method = 'GET',
  again = method === 'GET',
): Promise<{ status: number; body: unknown }> {
  try {
    const answer = await fetch(`http://${admin}${path}`, { method, signal: AbortSignal.timeout(10_000) });
    return { status: answer.status, body: await answer.json() };
  } catch (error) {
    if (again && wasClosed(error as Error)) return ask(admin, path, method, false);
    const { message, cause } = error as Error; // fetch() itself says no more than "fetch failed"
    const why = cause instanceof Error && cause.message !== '' ? cause.message : message;
    throw new AdminError(`no gateway answers at ${admin} (${why}); start it with npm start`);
  }
}

/** The pools that Lua balances; none where nginx balances them all. Throws AdminError. */
export async function poolStatus(admin: string): Promise<TierStatus[]> {
  const { body } = await ask(admin, '/status');
  return (body as { pools?: TierStatus[] }).pools ?? [];
}

/** Changes a pool. Throws AdminError with the gateway's reason. */
export async function changePool(admin: string, action: string, args: Record<string, string>): Promise<void> {
  const { status, body } = await ask(admin, `/pool/${action}?${new URLSearchParams(args)}`, 'POST');
  if (status === 200) return;
  const { error } = body as { error?: { message?: string } };
  throw new AdminError(error?.message ?? `the gateway answered ${status}`);
}
