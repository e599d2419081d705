/**
 * Whether an answer is kept nginx says; whether those who ask for it at once wait, lua/scoregate/kept.lua and the maps of
 * config/nginx_cache.ts: over a table of answers, both say the same.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { CachedSite } from '../harness/cached.ts';
import { type OriginAnswer } from '../harness/origin.ts';

const PORT = 16940;
const config = {
  mode: 'off',
  tiers: [{ name: 'site', backends: [`127.0.0.1:${PORT + 15}`] }],
  default_tier: 'site',
  cache: { enabled: true },
  paths: [
    { path: '/timed/', cache: { ttl_s: 60 } },
    { path: '/cookies/', cache: { ttl_s: 60, cookies: true } },
  ],
};

const site = new CachedSite(PORT, config, { noScorer: true });
const { origin } = site;

const inSeconds = (seconds: number): string => new Date(Date.now() + 1000 * seconds).toUTCString();
const CONTROLS = [
  ...[
    '',
    'public',
    'max-age=60',
    'MAX-AGE=60',
    'max-age=0',
    'max-age=-1',
    'max-age=',
    'max-age=x',
    'max-age=1.5',
  ],
  ...['max-age="60"', 'max-age = 60', 'max-age=060', 'max-age=60;public', 'max-age=60, max-age=0'],
  ...['max-age=0, max-age=60', 'x-max-age=60', 's-maxage=60', 's-maxage=0', 's-maxage=0, max-age=60'],
  ...['max-age=0, s-maxage=60', 's-maxage=x', 's-maxage=1.5, max-age=60', 'max-age=60, s-maxage=x'],
  ...['no-store', 'No-Cache', 'private', 'max-age=60, private="x"', 'no-cache="set-cookie", max-age=60'],
  ...['x-no-cache', 'community="private club", max-age=60', 'unprivate, max-age=60', 'public, max-age=60'],
  ...['must-revalidate', 'max-age=60, must-revalidate', 'must-revalidate, max-age=0', 'immutable'],
  ...['stale-while-revalidate=60', 'max-age=0, stale-while-revalidate=60', 'max-age=60, stale-if-error=60'],
  ...['no-transform', 'must-understand, no-store, max-age=60', 'public max-age=60', ',max-age=60,'],
];
const OTHERS: OriginAnswer[] = [
  ...['Origin', '*', 'Accept, *', 'x'.repeat(128), 'x'.repeat(129)].map((Vary) => ({ headers: { Vary } })),
  ...[inSeconds(3600), inSeconds(-3600), inSeconds(0), '0', '-1', 'soon', ''].map((Expires) => ({
    headers: { Expires },
  })),
  ...['60', '0', 'x', '-1', '', '@0', '@x', `@${Math.floor(Date.now() / 1000) + 3600}`, 'off'].map(
    (accel) => ({
      headers: { 'X-Accel-Expires': accel },
    }),
  ),
  { headers: { 'Set-Cookie': 'a=1' } },
  { headers: { 'Content-Type': 'text/event-stream' } },
  { headers: { Pragma: 'no-cache' } },
  ...[201, 202, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414, 429, 451].map(
    (status) => ({
      status,
      ...(status === 204 ? { body: '' } : {}),
    }),
  ),
];
const EACH = [{}, { 'Cache-Control': 'max-age=60' }, { 'Cache-Control': 'public' }];
const ANSWERS: OriginAnswer[] = [
  ...CONTROLS.map((control) => ({ headers: { 'Cache-Control': control } })),
  ...OTHERS.flatMap((answer) =>
    EACH.map((control) => ({ ...answer, headers: { ...control, ...answer.headers } })),
  ),
];
const ASKERS: Record<string, string>[] = [{}, { Cookie: 'a=1' }, { Authorization: 'Basic YTpi' }];

/** How many answers nginx has kept. */
const entries = (): number =>
  readdirSync(join(site.gateway.run, 'cache'), { recursive: true, withFileTypes: true }).filter((file) =>
    file.isFile(),
  ).length;

async function get(path: string, headers: Record<string, string>): Promise<string | null> {
  const answer = await fetch(`http://127.0.0.1:${PORT}${path}`, { headers, redirect: 'manual' });
  await answer.arrayBuffer();
  return answer.headers.get('x-cache');
}

for (const place of ['/', '/timed/', '/cookies/']) {
  test(`who waits for an answer gets it from the cache, and nobody else waits: below ${place}`, async () => {
    const wrong: string[] = [];
    for (const [i, answer] of ANSWERS.entries()) {
      for (const [k, headers] of ASKERS.entries()) {
        const path = `${place}${i}/${k}`;
        origin.on(path, answer);
        const before = entries();
        assert.equal(await get(path, headers), 'MISS');
        const second = await get(path, headers);
        // Known not to be kept, its answers are an entry all the same where nginx keeps them.
        if (second === 'BYPASS') await get(path, headers);
        if (second !== (entries() > before ? 'HIT' : 'BYPASS'))
          wrong.push(`${second} ${Object.keys(headers).join()} ${JSON.stringify(answer)}`);
      }
    }
    assert.deepEqual(wrong, []);
  });
}
