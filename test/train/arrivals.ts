/** Requests as the backtest has them from a log. */
import type { Arrival } from '../../train/backtest_source.ts';
import { clients, type Who } from '../../train/logs.ts';
import { noPages } from '../../scorer/form.ts';
import { looksOf } from '../../scorer/observations.ts';

export const LINES = { margin: 0.05, holds: [120, 600], repeat: 0, clean: 0 };
export const START = Date.UTC(2026, 0, 1) / 1000;

export interface Asked {
  at: number;
  client?: string;
  status?: number;
  method?: string;
  referer?: string;
  seconds?: number;
}
let place = 0;
const whoIs = clients();
export const request = ({
  at,
  client: address = '192.0.2.1',
  status = 200,
  seconds = 0,
  ...more
}: Asked): Arrival => {
  const { method = 'GET', referer = 'http://site/' } = more;
  const asked = { method, target: '/a.css', referer, userAgent: 'Mozilla/5.0' };
  const [arrived, answered] = looksOf(asked, status, noPages(), START + at);
  const [time, ends] = [START + at, 1000 * (START + at + seconds)];
  const client = whoIs(address) as Who;
  return { client, place: place++, time, at: 1000 * time, ends, status, bytes: 100, arrived, answered };
};
