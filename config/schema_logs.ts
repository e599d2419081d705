/** The schema of the logs. */
import Type from 'typebox';
import { closed, flag, whole } from './schema_values.ts';

export const logsSchema = Type.Object(
  {
    access: Type.String({
      default: 'run/access.log',
      format: 'file',
      minLength: 1,
      title: 'a file name, or off',
      examples: ['run/access.log'],
      description: 'The access log, one JSON object a line; off for none. run/… is in the run folder.',
      variable: 'SCOREGATE_LOGS_ACCESS',
    }),
    error: Type.String({
      default: 'run/error.log',
      format: 'file',
      minLength: 1,
      title: 'a file name, or stderr',
      examples: ['run/error.log'],
      description: "The gateway's error log; stderr for standard error only.",
      variable: 'SCOREGATE_LOGS_ERROR',
    }),
    format: Type.Union([Type.Literal('json'), Type.Literal('combined')], {
      default: 'json',
      title: 'json or combined',
      examples: ['json'],
      description: 'combined is the format of Apache and nginx, which knows nothing of verdicts.',
    }),
    headers: flag(false, 'Put the headers of requests and answers into the access log.'),
    masked: Type.Array(
      Type.String({ format: 'header_name', title: 'the name of a header', examples: ['cookie'] }),
      {
        default: ['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key'],
        title: 'a list of header names',
        examples: [['authorization', 'cookie']],
        description: 'Headers whose values are not logged, only that they were there.',
      },
    ),
    body_bytes: whole(0, 0, 65536, 'How much of the beginning of each body the access log holds.'),
    stdout: flag(true, 'Write the access log to standard output too.', { variable: 'SCOREGATE_LOGS_STDOUT' }),
    backends: Type.String({
      default: 'off',
      minLength: 1,
      title: 'a folder, or off',
      examples: ['run/backends'],
      description: 'The folder for the access log of each demo backend, NAME.log; off for none.',
    }),
    backends_stdout: flag(false, "Write the demo backends' access logs to standard output."),
  },
  { ...closed, default: {}, title: 'a group of keys', examples: [{ stdout: true }] },
);
