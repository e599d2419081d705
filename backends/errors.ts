/** The one shape of every error: `{served_by, error: {code, message, right, field?}}`. docs/demo.md lists the codes. */
import type { FastifyError, FastifyReply } from 'fastify';

const STATUS = {
  BAD_REQUEST: 400,
  MISSING_NUMBER: 400,
  REPEATED_NUMBER: 400,
  NOT_A_NUMBER: 400,
  NUMBER_TOO_LONG: 400,
  NEGATIVE_AMOUNT: 400,
  AMBIGUOUS_AMOUNT: 400,
  INVALID_CONTROL: 400,
  INVALID_REHEARSAL: 400,
  REFUSED: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  BODY_TOO_LARGE: 413,
  INTERNAL: 500,
  UNHEALTHY: 503,
  STOPPING: 503,
} as const;

/** TOLD_TO_FAIL has the status that the node was told to answer with. */
export type ErrorCode = keyof typeof STATUS | 'TOLD_TO_FAIL';

export interface Details {
  /** What is wrong, with the place. */
  message: string;
  /** What would be right instead: a request where there is one, else a sentence. */
  right: string;
  /** The parameter, header or key that is wrong. */
  field?: string;
  /** Only for TOLD_TO_FAIL. */
  status?: number;
}

/** Something that is answered with an error; the status follows from the code. */
export class DemoError extends Error {
  readonly code: ErrorCode;
  readonly statusCode: number;
  readonly right: string;
  readonly field: string | undefined;

  constructor(code: ErrorCode, { message, right, field, status }: Details) {
    super(message);
    this.code = code;
    this.statusCode = code === 'TOLD_TO_FAIL' ? (status ?? 500) : STATUS[code];
    this.right = right;
    this.field = field;
  }
}

/** What somebody sent, fit to be repeated in a message: in quotes, and not at any length. */
export const shown = (text: string): string =>
  JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

/** The JSON of an error. */
export function errorBody(name: string, { code, message, right, field }: DemoError): object {
  return { served_by: name, error: { code, message, right, ...(field === undefined ? {} : { field }) } };
}

export function sendError(name: string, reply: FastifyReply, error: DemoError): FastifyReply {
  return reply
    .code(error.statusCode)
    .header('X-Served-By', name)
    .header('Cache-Control', 'no-store')
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(errorBody(name, error)));
}

/** Any error as one of ours; null for a defect, about which its caller learns nothing but that there is one. */
export function fromFastify(error: FastifyError): DemoError | null {
  if (error instanceof DemoError) return error;
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new DemoError('BODY_TOO_LARGE', {
      message: 'the body is too large',
      right: 'a body of at most 4,096 bytes',
    });
  }
  if (error.code === 'ECONNRESET') {
    const message = 'the connection ended before the body did';
    return new DemoError('BAD_REQUEST', { message, right: 'the whole body' });
  }
  if (error.statusCode === undefined || error.statusCode < 400 || error.statusCode >= 500) return null;
  return new DemoError('BAD_REQUEST', {
    message: error.message,
    right: 'a well-formed request, for example GET /add?a=1&b=2',
  });
}

export const internal = (): DemoError =>
  new DemoError('INTERNAL', {
    message: 'the demo application failed; its standard error says why',
    right: 'the same request once more, when the defect is mended',
  });
