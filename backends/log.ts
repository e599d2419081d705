/**
 * The access log of a node: one JSON object a line, with the names that the gateway's log has. `bytes` are those of the
 * body alone: the head is Node's to write.
 */
import { mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pino } from 'pino';

export interface LogOptions {
  stdout: boolean;
  /** null: none. */
  file: string | null;
}

export type AccessLog = (request: FastifyRequest, reply: FastifyReply) => void;

/**
 * A write of at most PIPE_BUF bytes (4,096 on Linux, pipe(7)) is never mixed with another process's, and all nodes share
 * one standard output. What clients send is cut so that a line stays below that, even if each character takes two bytes.
 */
const MOST_TEXT = 500;
const LONGEST_ADDRESS = 64;

/** Characters that wait for a full disk to have room again; what comes after them is lost. */
const MOST_KEPT = 2 ** 20;
const STDOUT = 1;
/** nginx's status for a client that left before its answer. */
const LEFT = 499;

/** Opens the log. @throws Error with the file when it cannot be written to */
export function openLog(name: string, { stdout, file }: LogOptions): AccessLog {
  const targets = [...(stdout ? [STDOUT] : []), ...(file === null ? [] : [append(file)])];
  // Written at once: a node that is killed has logged what it answered.
  const open = targets.map((dest) => pino.destination({ dest, sync: true, maxLength: MOST_KEPT }));
  let said = false;
  const failed = (error: Error): void => {
    if (!said) console.error(`${name}: the access log cannot be written (${error.message}); lines are lost`);
    said = true;
  };
  for (const target of open) target.on('error', failed);
  return (request, reply) => {
    if (open.length === 0) return;
    const line = `${JSON.stringify(fields(name, request, reply))}\n`;
    for (const target of open) target.write(line);
  };
}

/** The status of an answer that has ended, one way or the other. */
export const statusOf = (reply: FastifyReply): number =>
  reply.raw.writableFinished ? reply.statusCode : LEFT;

/** pino would go on without a file that it cannot open. */
function append(file: string): number {
  try {
    mkdirSync(dirname(file), { recursive: true });
    return openSync(file, 'a');
  } catch (error) {
    throw new Error(`--log-file ${file} cannot be written: ${(error as Error).message}`);
  }
}

function fields(name: string, { headers, raw, method, url }: FastifyRequest, reply: FastifyReply): object {
  const now = new Date();
  const peer = raw.socket.remoteAddress ?? '';
  const text = (value: unknown, most = MOST_TEXT): string => String(value ?? '').slice(0, most);
  return {
    time: now.toISOString(),
    timestamp: now.getTime() / 1000,
    served_by: name,
    // The gateway writes X-Real-IP anew; whoever asks a node directly may write anything.
    client: text(headers['x-real-ip'] ?? peer, LONGEST_ADDRESS),
    peer,
    method,
    uri: text(url),
    protocol: `HTTP/${raw.httpVersion}`,
    status: statusOf(reply),
    bytes: method === 'HEAD' ? 0 : Number(reply.getHeader('content-length') ?? 0),
    duration_s: Math.round(reply.elapsedTime) / 1000,
    referer: text(headers.referer),
    user_agent: text(headers['user-agent']),
  };
}
