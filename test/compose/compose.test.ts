import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import test, { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { load, type LoadResult } from '../harness/load.ts';
import { compose, docker, fromInside, get, healthy, inspect, inspectAll, name, ports } from './project.ts';

let up = false;
const down = async (): Promise<void> => {
  await compose('down', '-v', '--rmi', 'local', '--remove-orphans');
  up = false;
};
after(async () => {
  if (up) await down();
});

/** Ordinary traffic from outside while something happens, and for a while after. */
async function during(seconds: number, happens: () => Promise<void>): Promise<LoadResult> {
  const loading = load({
    port: ports.gateway,
    rate: 20,
    seconds,
    request: (k) => ({ path: `/echo/during/${k}` }),
  });
  const [result] = await Promise.all([loading, sleep(1000).then(happens)]);
  return result;
}

test('compose up --build starts everything, each once what it needs is there', async () => {
  up = true;
  await compose('up', '--build', '-d');
  for (const service of ['redis', 'scorer', 'fast', 'standard', 'slow', 'gateway'] as const)
    await healthy(service);
  const render = await inspect('render');
  assert.deepEqual([render.State.Status, render.State.ExitCode], ['exited', 0]);
});

test('every backend says who it is', async () => {
  for (const service of ['fast', 'standard', 'slow']) {
    const script =
      "fetch('http://127.0.0.1:8081/who').then((a) => a.json()).then((a) => console.log(a.served_by))";
    assert.equal((await compose('exec', '-T', service, 'node', '-e', script)).trim(), service);
  }
});

test('a flood ends in the slow tier on the slow backend, and a person stays out of it', async () => {
  const flood = await fromInside('203.0.113.9', 600);
  assert.equal(flood.failed, 0);
  assert.deepEqual(flood.tiers, flood.served, 'each tier is served by its own backend');
  assert.ok((flood.tiers['slow'] ?? 0) > 300, JSON.stringify(flood));
  const other = await fromInside('203.0.113.10', 60, 'person');
  assert.equal(other.failed + (other.tiers['slow'] ?? 0), 0, JSON.stringify(other));
  const again = await fromInside('203.0.113.9', 5);
  assert.deepEqual(again.served, { slow: 5 });
});

test('the scorer answers on loopback of this machine', async () => {
  const { body: health } = await get(ports.scorer, '/health');
  assert.deepEqual([health['status'], health['store']], ['ok', 'redis']);
  await sleep(1100); // hits are reported within a second
  const { body: flooded } = await get(ports.scorer, '/score_ip?ip=203.0.113.9');
  assert.deepEqual([flooded['tier'], flooded['requests_60s']], ['slow', 605]);
  const { body: refused } = await get(ports.scorer, '/score_ip?ip=203.0.113.9&hit=1');
  assert.equal((refused['error'] as { code: string }).code, 'SECRET_REQUIRED');
});

test('X-Forwarded-For from outside changes nothing', async () => {
  for (const claimed of ['203.0.113.9', '198.51.100.1']) {
    const { headers, body } = await get(ports.gateway, '/echo/outside', { 'X-Forwarded-For': claimed });
    assert.notEqual(headers.get('x-tier'), 'slow');
    assert.notEqual(body['client'], claimed);
  }
  await sleep(1100);
  const { body } = await get(ports.scorer, '/score_ip?ip=198.51.100.1');
  assert.equal(body['requests_60s'], 0);
});

test('the access log is JSON among the logs of the gateway, and backends log too', async () => {
  const lines = (await compose('logs', '--no-color', 'gateway'))
    .split('\n')
    .map((line) => line.replace(/^[^{]*/, ''));
  const flood = lines.filter((line) => line.includes('"client":"203.0.113.9"'));
  assert.equal(flood.length, 605);
  const last = JSON.parse(flood.at(-1) ?? '') as Record<string, unknown>;
  assert.deepEqual([last['tier'], last['status']], ['slow', 200]);
  assert.match(await compose('logs', '--no-color', 'slow'), /"uri":"\/echo\/page\/599"/);
});

test('nothing runs as root, writes to its image or has rights to spare', async () => {
  for (const [service, { Id, State, HostConfig }] of await inspectAll()) {
    assert.equal(HostConfig.ReadonlyRootfs, true, service);
    assert.deepEqual(HostConfig.CapDrop, ['ALL'], service);
    assert.match(HostConfig.SecurityOpt.join(), /no-new-privileges/, service);
    if (State.Status !== 'running') continue;
    const [, ...processes] = (await docker('top', Id, '-eo', 'uid,pid')).trim().split('\n');
    assert.ok(processes.length > 0, service);
    for (const line of processes) assert.match(line.trim(), /^1000\s/, service);
  }
  const secret = await compose('exec', '-T', 'gateway', 'stat', '-c', '%a %u', 'run/secret');
  assert.equal(secret.trim(), '600 1000');
});

test('the gateway is published on every address, the scorer on loopback, and nothing else', async () => {
  const published = (await inspectAll()).flatMap(([service, { NetworkSettings }]) =>
    Object.entries(NetworkSettings.Ports).flatMap(([inner, outer]) =>
      (outer ?? []).map(
        ({ HostIp, HostPort }) => `${service} ${inner} ${HostIp === '::' ? '0.0.0.0' : HostIp}:${HostPort}`,
      ),
    ),
  );
  assert.deepEqual([...new Set(published)].sort(), [
    `gateway 8080/tcp 0.0.0.0:${ports.gateway}`,
    `scorer 5000/tcp 127.0.0.1:${ports.scorer}`,
  ]);
  const [own] = Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).filter((one) => !one.internal),
  );
  if (own) {
    assert.equal(await connects(own.address, ports.gateway), true);
    assert.equal(await connects(own.address, ports.scorer), false);
  }
});

function connects(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    for (const event of ['connect', 'error'] as const) {
      socket.once(event, () => {
        socket.destroy();
        resolve(event === 'connect');
      });
    }
  });
}

test('a scorer that is killed and comes back at another address costs no request, and verdicts go on', async () => {
  const address = async () => (await inspect('scorer')).NetworkSettings.Networks[`${name}_front`]?.IPAddress;
  const before = await address();
  const { Image } = await inspect('scorer');
  const result = await during(25, async () => {
    await compose('kill', 'scorer');
    await compose('rm', '-f', 'scorer');
    // Somebody else has its address now.
    await docker(
      'run',
      '-d',
      '--rm',
      '--name',
      `${name}-squatter`,
      '--network',
      `${name}_front`,
      Image,
      'sleep',
      '300',
    );
    await compose('up', '-d', '--no-build', 'scorer');
    await healthy('scorer');
  });
  try {
    assert.deepEqual(result.failed, {});
    assert.notEqual(await address(), before);
    await sleep(5000); // the breaker tries again within its pause
    const flood = await fromInside('203.0.113.20', 400);
    assert.equal(flood.failed, 0);
    assert.ok((flood.served['slow'] ?? 0) > 100, JSON.stringify(flood));
  } finally {
    await docker('rm', '-f', `${name}-squatter`);
  }
});

test('a restart of Redis, and of the scorer, costs no request', async () => {
  const result = await during(20, async () => {
    await compose('restart', 'redis');
    await compose('restart', 'scorer');
    await healthy('redis');
    await healthy('scorer');
  });
  assert.deepEqual(result.failed, {});
  const { body } = await get(ports.scorer, '/health');
  assert.deepEqual([body['status'], body['store']], ['ok', 'redis']);
});

test('the configuration is rendered again and taken over without losing a request or the secret', async () => {
  const secret = () => compose('exec', '-T', 'gateway', 'cat', 'run/secret');
  const before = await secret();
  const result = await during(10, async () => {
    await compose('run', '--rm', '-T', '-e', 'SCOREGATE_MODE=observe', 'render');
    await compose('kill', '-s', 'HUP', 'gateway');
  });
  assert.deepEqual(result.failed, {});
  assert.equal(await secret(), before);
  const flood = await fromInside('203.0.113.30', 300);
  assert.deepEqual(flood.tiers, { standard: 300 }, 'observe: nobody is moved');
});

test('down leaves nothing behind', async () => {
  await down();
  const label = ['--filter', `label=com.docker.compose.project=${name}`];
  for (const kind of [
    ['ps', '-aq'],
    ['volume', 'ls', '-q'],
    ['network', 'ls', '-q'],
  ]) {
    assert.equal(await docker(...kind, ...label), '', kind.join(' '));
  }
  const images = await docker('images', '--format', '{{.Repository}}');
  assert.ok(!images.split('\n').some((image) => image.startsWith(name)), images);
});
