/** Kinds of single values that the groups of the schema share. */
import Type from 'typebox';

export const closed = { additionalProperties: false };

export const port = (value: number, description: string, extra: object = {}) =>
  Type.Integer({
    default: value,
    minimum: 1,
    maximum: 65535,
    title: 'a port number',
    examples: [value],
    description,
    ...extra,
  });

export const hostPort = (description: string, example: string, extra: object = {}) =>
  Type.String({ format: 'host_port', title: 'HOST:PORT', examples: [example], description, ...extra });

export const flag = (value: boolean, description: string, extra: object = {}) =>
  Type.Boolean({ default: value, title: 'true or false', examples: [value], description, ...extra });

export const whole = (value: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: value, minimum, maximum, title: 'a whole number', examples: [value], description });
