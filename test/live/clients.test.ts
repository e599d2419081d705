/**
 * Real clients against the model that ships, in real time and all at once: `npm run test:live`, a minute and a half.
 * Needs curl, and `chromium` and `dirb` of Debian's packages for their tests, which are skipped where they are missing.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { root } from '../../config/paths.ts';
import { startGateway, type Gateway, type LogLine } from '../harness/gateway.ts';
import { site } from './site.ts';

const PORT = 16840;
const SITE_GATEWAY = PORT + 20;
const SITE = PORT + 45;
const WORDS = '/usr/share/dirb/wordlists/small.txt';
const has = (program: string): boolean => spawnSync('which', [program]).status === 0;

let demo: Gateway;
before(async () => {
  demo = await startGateway({ port: PORT, config: { model: join(root, 'model') } });
});
after(() => demo.stop());

const url = `http://127.0.0.1:${PORT}`;
/** Runs a program to its end, or for so many seconds. */
async function run(program: string, args: string[], seconds: number): Promise<void> {
  const child = spawn(program, args, { stdio: 'ignore' });
  const timer = setTimeout(() => child.kill('SIGKILL'), 1000 * seconds);
  await new Promise<void>((resolve, reject) => child.on('error', reject).on('exit', () => resolve()));
  clearTimeout(timer);
}
const linesOf = async (gateway: Gateway, ip: string): Promise<LogLine[]> =>
  (await gateway.log()).filter(({ client }) => client === ip);
const count = (lines: readonly LogLine[], tier: string): number =>
  lines.filter((line) => line.tier === tier).length;

describe('clients', { concurrency: true }, () => {
  test('of a flood of 600 requests by curl the most go to slow', async () => {
    const ip = '203.0.113.9';
    await run('curl', ['-s', '-o', '/dev/null', '-H', `X-Forwarded-For: ${ip}`, `${url}/?[1-600]`], 60);
    const lines = await linesOf(demo, ip);
    assert.equal(lines.length, 600);
    assert.ok(count(lines, 'slow') > 300, JSON.stringify(lines.map(({ tier }) => tier)));
  });

  test('curl that asks once in ten seconds never sees slow', { timeout: 150_000 }, async () => {
    const ip = '203.0.113.10';
    for (let k = 0; k < 8; k++) {
      await run('curl', ['-s', '-o', '/dev/null', '-H', `X-Forwarded-For: ${ip}`, `${url}/health`], 10);
      await sleep(10_000);
    }
    assert.equal(count(await linesOf(demo, ip), 'slow'), 0);
  });

  test('twenty people behind one address stay out of slow', { timeout: 120_000 }, async () => {
    const ip = '203.0.113.11';
    const agents = Array.from({ length: 20 }, (_, k) => ({
      'User-Agent': `Mozilla/5.0 (X11; Linux x86_64; rv:${100 + k}.0) Gecko/20100101 Firefox/${100 + k}.0`,
    }));
    await Promise.all(
      agents.map(async (agent, k) => {
        await sleep(500 * k);
        for (let page = 0; page < 10; page++) {
          const referer = page === 0 ? {} : { Referer: `${url}/page/${page - 1}` };
          await demo.get(`/page/${page}?of=${k}`, ip, { ...agent, Referer: '', ...referer });
          const assets = Array.from(
            { length: page === 0 ? 8 : 3 },
            (_, i) => `/static/${page === 0 ? '' : page}${i}.png`,
          );
          const from = { ...agent, Referer: `${url}/page/${page}` };
          const status = page === 0 ? {} : { 'X-Demo-Status': '304' };
          await Promise.all(assets.map((asset) => demo.get(asset, ip, { ...from, ...status })));
          await sleep(4000);
        }
      }),
    );
    const lines = await linesOf(demo, ip);
    assert.ok(lines.length > 600);
    assert.equal(count(lines, 'slow'), 0);
  });

  test(
    'dirb is in slow within 50 requests',
    { skip: !has('dirb') && 'no dirb', timeout: 60_000 },
    async () => {
      const ip = '203.0.113.12';
      assert.ok(existsSync(WORDS));
      await run('dirb', [url, WORDS, '-S', '-w', '-r', '-H', `X-Forwarded-For: ${ip}`], 20);
      const lines = await linesOf(demo, ip);
      assert.ok(lines.length > 50, `${lines.length} requests`);
      const first = lines.findIndex(({ tier }) => tier === 'slow');
      assert.ok(first >= 0 && first < 50, `first in slow: ${first + 1}`);
    },
  );

  test(
    'Chromium on 20 pages a minute with their assets never leaves fast',
    { skip: !has('chromium') && 'no chromium', timeout: 150_000 },
    async (t) => {
      const server = await site(SITE, 3);
      const tiers = ['fast', 'standard', 'slow'].map((name) => ({ name, backends: [`127.0.0.1:${SITE}`] }));
      const gateway = await startGateway({
        port: SITE_GATEWAY,
        config: { tiers, model: join(root, 'model') },
      });
      t.after(() => gateway.stop());
      const profile = join(gateway.run, 'chromium');
      const quiet = [
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
      ];
      await run(
        'chromium',
        [
          ...quiet,
          `--user-data-dir=${profile}`,
          `http://127.0.0.1:${SITE_GATEWAY}/`,
          '--remote-debugging-port=0',
        ],
        65,
      );
      server.close();
      server.closeAllConnections();
      const lines = await linesOf(gateway, '127.0.0.1');
      const pages = lines.filter(({ uri }) => /^\/(page|$)/.test(uri)).length;
      assert.ok(pages >= 15, `${pages} pages`);
      const left = lines.filter(({ tier, origin }) => tier !== 'fast' && origin !== 'default');
      assert.deepEqual(left, []);
    },
  );
});
