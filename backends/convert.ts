/** GET /convert/:reais and GET /convertepradolareuro/:reais: reais → dollars and euros. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { readAmount, inJson } from './decimal.ts';
import { refuseOthers } from './methods.ts';
import { converted, type Rates } from './rates.ts';

export function convertRoutes(app: FastifyInstance, name: string, rates: Rates): void {
  for (const url of ['/convert', '/convertepradolareuro']) {
    const field = { name: 'reais', example: `${url}/1234.56` };
    const answer = (text: string, reply: FastifyReply): object => {
      const reais = readAmount(text, field);
      reply.removeHeader('Cache-Control'); // the same for the same question
      return {
        served_by: name,
        reais: inJson(reais),
        dollars: converted(reais, rates.reais_per_dollar),
        euros: converted(reais, rates.reais_per_euro),
        rates,
      };
    };
    app.get<{ Params: { reais: string } }>(`${url}/:reais`, ({ params }, reply) =>
      answer(params.reais, reply),
    );
    app.get(url, (_request, reply) => answer('', reply));
    for (const each of [url, `${url}/:reais`]) refuseOthers(app, each);
  }
}
