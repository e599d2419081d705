/** Errors that a caller sees: `{error: {code, message, field?}}`. The README lists the codes. */
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';

const STATUS = {
  INVALID_BODY: 400,
  INVALID_QUERY: 400,
  INVALID_ADDRESS: 400,
  UNKNOWN_TIER: 400,
  NO_CLIENT: 400,
  NO_REQUEST: 400,
  SECRET_REQUIRED: 401,
  BROWSER_REFUSED: 403,
  UNTRUSTED_PROXY: 403,
  NOT_FOUND: 404,
  TOO_MANY_PINS: 409,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  INTERNAL: 500,
  NOT_READY: 503,
} as const;
export type ErrorCode = keyof typeof STATUS;

/** Something that the caller can put right, or that is not ready. */
export class RequestError extends Error {
  readonly code: ErrorCode;
  readonly statusCode: number;
  readonly field: string | undefined;
  constructor(code: ErrorCode, message: string, field?: string) {
    super(message);
    this.code = code;
    this.statusCode = STATUS[code];
    this.field = field;
  }
}

/** JSON Pointer → the form in which people write fields: clients[3].hits[0]. */
const fieldName = (pointer: string): string =>
  pointer
    .replace(/^\//, '')
    .replace(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replaceAll('/', '.');

/** What a gateway says of a client are observations, of which both sides read their own list, when they start. */
const unknownField = (parent: string): string =>
  /^clients\[\d+\]$/.test(parent)
    ? 'is not an observation that this scorer knows: gateway and scorer have read different ' +
      'config/observations.json; give both the same file and restart the scorer, then the gateway'
    : 'is not a known field';

function fromValidation(error: FastifyError): RequestError {
  const [first] = error.validation ?? [];
  const params = (first?.params ?? {}) as Record<string, unknown>;
  const named = params['additionalProperty'] ?? params['missingProperty'];
  const base = fieldName(first?.instancePath ?? '');
  const field = named === undefined ? base : [base, String(named)].filter(Boolean).join('.');
  const code = error.validationContext === 'body' ? 'INVALID_BODY' : 'INVALID_QUERY';
  const why = first?.keyword === 'additionalProperties' ? unknownField(base) : first?.message;
  const text = named !== undefined && first?.keyword === 'required' ? 'is missing' : why;
  return new RequestError(
    code,
    `${field || error.validationContext || 'input'}: ${text}`,
    field || undefined,
  );
}

function toRequestError(error: FastifyError): RequestError | null {
  if (error instanceof RequestError) return error;
  if (error.validation) return fromValidation(error);
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE')
    return new RequestError('BODY_TOO_LARGE', 'the body is over 1 MiB');
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new RequestError('UNSUPPORTED_MEDIA_TYPE', 'the body must be application/json');
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new RequestError('INVALID_BODY', error.message);
  }
  return null;
}

export function sendError(reply: FastifyReply, error: RequestError): FastifyReply {
  const { code, message, field, statusCode } = error;
  return reply
    .code(statusCode)
    .header('content-type', 'application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send({ error: { code, message, ...(field === undefined ? {} : { field }) } });
}

export function handleErrors(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = toRequestError(error);
    if (known) return sendError(reply, known);
    request.log.error({ err: error, url: request.url }, 'a request failed');
    return sendError(reply, new RequestError('INTERNAL', 'the scorer failed; its log says why'));
  });
  app.setNotFoundHandler((request, reply) => {
    return sendError(
      reply,
      new RequestError('NOT_FOUND', `there is no ${request.method} ${request.url.split('?')[0]}`),
    );
  });
}
