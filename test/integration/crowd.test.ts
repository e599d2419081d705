import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'node:test';
import { childrenOf } from '../../launch/processes.ts';
import { startGateway, until, type Gateway } from '../harness/gateway.ts';
import { load } from '../harness/load.ts';

const KNOWN = 100;
const known = (k: number): string => `198.51.100.${k}`;

/** wrk's requests: each from the next of 200,000 addresses. */
const CROWD = `local k = 0
request = function()
  k = (k + 1) % 200000
  wrk.headers["X-Forwarded-For"] = "10." .. math.floor(k / 65536) .. "." .. math.floor(k / 256) % 256 .. "." .. k % 256
  return wrk.format("GET", "/")
end
`;

function crowd(gateway: Gateway, seconds: number): Promise<string> {
  const script = join(gateway.run, 'crowd.lua');
  writeFileSync(script, CROWD);
  const url = `http://127.0.0.1:${gateway.port}/`;
  const wrk = spawn('wrk', ['-t1', '-c32', `-d${seconds}s`, '-s', script, url]);
  let output = '';
  wrk.stdout.on('data', (data: Buffer) => (output += data.toString()));
  return new Promise((resolve, reject) => wrk.on('error', reject).on('exit', () => resolve(output)));
}

/** Resident memory of nginx's workers together, in MB. */
function workersMemory(gateway: Gateway): number {
  return childrenOf(gateway.nginx.process?.pid ?? 0).reduce((sum, pid) => {
    const kb = /^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return sum + Number(kb) / 1024;
  }, 0);
}

test('200,000 addresses at full speed: known clients keep their tier, a flooder among them is moved within 1 s', async (t) => {
  const limits = { clients: 20000, newcomers: 4096, queue: 2048 };
  const gateway = await startGateway({ port: 16400, config: { workers: 2, limits } });
  try {
    const browse = (k: number): { path: string; headers: Record<string, string> } => ({
      path: `/page${k % 7}.html`,
      headers: {
        'X-Forwarded-For': known(1 + (k % KNOWN)),
        Referer: 'http://site/',
        'User-Agent': 'Mozilla/5.0 (X11)',
      },
    });
    // everybody is known before the crowd comes
    await load({
      port: gateway.port,
      rate: 100,
      seconds: 3,
      request: (k) => ({ ...browse(k), path: '/before' }),
    });
    await gateway.drained();
    const wrk = crowd(gateway, 10);
    const tiers: Record<string, number> = {};
    const browsing = load({
      port: gateway.port,
      rate: 50,
      seconds: 9,
      request: browse,
      onAnswer: (_, answer) => {
        const tier = String(answer.headers['x-tier']);
        tiers[tier] = (tiers[tier] ?? 0) + 1;
      },
    });
    await sleep(4000);
    let crossed = Infinity;
    let moved = Infinity;
    let n = 0;
    const flood = await load({
      port: gateway.port,
      rate: 800,
      seconds: 2,
      request: () => ({ path: '/', headers: { 'X-Forwarded-For': known(1) } }),
      onAnswer: (_, answer) => {
        n++;
        if (n >= 400) crossed = Math.min(crossed, Date.now());
        if (answer.headers['x-tier'] === 'slow') moved = Math.min(moved, Date.now());
      },
    });
    const memory = workersMemory(gateway);
    const [speed] = await Promise.all([wrk, browsing]);
    t.diagnostic(/Requests\/sec: *\S+/.exec(speed)?.[0] ?? speed);
    t.diagnostic(`flooder ${JSON.stringify(flood.tiers)}, workers ${memory.toFixed(0)} MB`);
    assert.deepEqual(flood.failed, {});
    assert.equal((await browsing).failed['status 502'] ?? 0, 0);
    // the flooder browses too, and is slow from when it floods
    const others = (await gateway.log()).filter(
      (line) => /^198\.51\.100\./.test(line.client) && line.client !== known(1) && line.uri !== '/before',
    );
    const changed = others.filter((line) => line.tier !== 'fast');
    assert.deepEqual(changed, [], JSON.stringify(tiers));
    assert.ok(moved - crossed <= 1000, `moved ${moved - crossed} ms after 400 requests`);
    assert.ok(memory < 200, `${memory} MB`);
    assert.ok((await gateway.metric('scoregate_clients')) <= limits.clients);
    assert.ok((await gateway.metric('scoregate_newcomers')) <= limits.newcomers);
  } finally {
    await gateway.stop();
  }
});

test('a flood over two gateways overruns the line by less than one undivided lease and two hits', async (t) => {
  const first = await startGateway({ port: 16440 });
  const second = await startGateway({ port: 16460, sharing: first });
  try {
    const gateways = async (): Promise<boolean> =>
      (await first.metric('scoregate_gateways')) === 2 && (await second.metric('scoregate_gateways')) === 2;
    await until(gateways, 5000, 'the gateways do not know of each other');
    const ip = '203.0.113.77';
    const exact = await lineOf(first);
    const flood = (gateway: Gateway): ReturnType<typeof load> =>
      load({
        port: gateway.port,
        rate: 400,
        seconds: 2,
        connections: 1,
        request: () => ({ path: '/', headers: { 'X-Forwarded-For': ip } }),
      });
    await Promise.all([flood(first), flood(second)]);
    const lines = [...(await first.log()), ...(await second.log())].filter((line) => line.client === ip);
    const beyond = lines.filter((line) => line.tier !== 'slow').length - (exact - 1);
    t.diagnostic(`the line is at request ${exact}; ${beyond} beyond it were served better`);
    assert.ok(lines.some((line) => line.tier === 'slow'));
    assert.ok(beyond < exact + 2, `${beyond} beyond a line at ${exact}`);
  } finally {
    await second.stop();
    await first.stop();
  }
});

/** The request at which the model calls a client slow, asked hit by hit. */
async function lineOf(gateway: Gateway): Promise<number> {
  for (let n = 1; n < 1024; n++) {
    if ((await gateway.verdict('203.0.113.1', '&hit=1'))['tier'] === 'slow') return n;
  }
  throw new Error('no number of hits is slow');
}
