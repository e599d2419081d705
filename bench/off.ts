/**
 * What `mode: off` adds to plain nginx, in user-space instructions of a request (see instructions.ts for how they are
 * counted). Nobody is scored, so there is nothing to be known or reported first.
 */
import type { Overrides } from '../config/schema.ts';
import { COUNTED, startCallgrind, WARM } from './callgrind.ts';
import { drive, requestText } from './drive.ts';
import { CLIENTS } from './instructions.ts';
import type { Measured } from './measured.ts';
import { plainConf } from './plain.ts';
import { plainSite, pooledSite, TIER } from './site.ts';
import { PORTS, type NginxOptions, type Stand } from './stand.ts';
import { row, whole, type Row } from './table.ts';

/** Above nginx's instructions: what leaves 0.93x of its requests, and 0.97x. */
const MOST: [number, number] = [2500, 1000];

const CASES: [name: string, overrides: Overrides][] = [
  ['round robin', plainSite],
  ['least connections', pooledSite({ balance: 'least_connections' })],
  ['an answer from the cache', { ...plainSite, cache: { enabled: true, ttl_s: 600 } }],
];

async function count(
  stand: Stand,
  name: string,
  overrides: Overrides,
  options: NginxOptions,
): Promise<number> {
  const folder = stand.subfolder(name.replaceAll(' ', '-'));
  const config = stand.config(folder, PORTS.scoregate, overrides);
  const nginx = await startCallgrind(stand, config, folder, options);
  const { port } = config.listen;
  const request = (i: number): string => requestText(i % CLIENTS, {});
  await drive({ port, request, count: WARM });
  const instructions = await nginx.perRequest(request);
  await nginx.end();
  return instructions;
}

const plus = (value: number): string => `${value < 0 ? '' : '+'}${whole(value)}`;

export async function off(stand: Stand): Promise<Measured> {
  await stand.backend();
  const rows: Row[] = [];
  const data: Record<string, unknown> = {};
  for (const [name, overrides] of CASES) {
    const change = (rendered: string): string => plainConf(rendered, TIER);
    const nginx = await count(stand, `${name} nginx`, overrides, { change, lua: false });
    const ours = await count(stand, `${name} off`, { ...overrides, mode: 'off' }, {});
    const more = `Scoregate ${whole(ours)}, nginx ${whole(nginx)}`;
    rows.push(row(`mode off above nginx, ${name}`, ours - nginx, plus, { most: MOST }, more));
    data[name] = { nginx, scoregate: ours };
  }
  return { rows, data, notes: [`instructions, mode off: one tier, ${COUNTED} bare requests`] };
}
