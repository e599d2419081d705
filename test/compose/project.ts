/** A Compose project of the tests' own: its commands, its containers, and requests from inside of it. */
import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../../config/paths.ts';
import { findCompose } from '../../launch/docker.mjs';

const SERVICES = ['render', 'redis', 'scorer', 'fast', 'standard', 'slow', 'gateway'] as const;
export type ServiceName = (typeof SERVICES)[number];

/** What `docker inspect` says of a container, as far as the tests look at it. */
export interface Inspected {
  Id: string;
  Image: string;
  Config: { User: string };
  State: { Status: string; ExitCode: number; Health?: { Status: string } };
  HostConfig: { ReadonlyRootfs: boolean; CapDrop: string[]; SecurityOpt: string[]; Privileged: boolean };
  NetworkSettings: {
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null>;
    Networks: Record<string, { IPAddress: string }>;
  };
}

/** What came of requests of one client: answers by tier and by backend, and failures. */
export interface Sent {
  tiers: Record<string, number>;
  served: Record<string, number>;
  failed: number;
}

export const name = process.env['COMPOSE_PROJECT_NAME'] ?? `scoregate-test-${process.pid}`;
const environment: NodeJS.ProcessEnv = { ...process.env, COMPOSE_PROJECT_NAME: name };
export const ports = { gateway: await freePort(), scorer: await freePort() };
environment['GATEWAY_PORT'] = String(ports.gateway);
environment['SCORER_PORT'] = String(ports.scorer);

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Runs a program in the project's folder; what it printed. Throws with that when it fails. */
function run(program: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, env: environment });
    let [out, err] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (out += data.toString()));
    child.stderr.on('data', (data: Buffer) => (err += data.toString()));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(out);
      else
        reject(
          new Error(
            `${program} ${args.join(' ')}: exit code ${code}\n${out.slice(-4000)}${err.slice(-4000)}`,
          ),
        );
    });
    child.stdin.on('error', () => undefined); // it ended before it read: its exit code says why
    child.stdin.end(input);
  });
}

const { command } = findCompose();
export const compose = (...args: string[]): Promise<string> => {
  const [program = 'docker-compose', ...first] = command ?? [];
  return run(program, [...first, ...args]);
};
export const docker = (...args: string[]): Promise<string> => run('docker', args);

/** The container of a service; one that has ended too. */
export async function inspect(service: ServiceName): Promise<Inspected> {
  const label = (key: string, value: string) => ['--filter', `label=com.docker.compose.${key}=${value}`];
  const listed = await docker('ps', '-aq', ...label('project', name), ...label('service', service));
  const id = listed.trim().split('\n')[0] ?? '';
  if (id === '') throw new Error(`there is no container of ${service}`);
  const [found] = JSON.parse(await docker('inspect', id)) as Inspected[];
  return found as Inspected;
}

export const inspectAll = (): Promise<[ServiceName, Inspected][]> =>
  Promise.all(SERVICES.map(async (service) => [service, await inspect(service)] as [ServiceName, Inspected]));

/** Waits until the service's health check says that it is healthy. */
export async function healthy(service: ServiceName): Promise<Inspected> {
  for (const ends = Date.now() + 60_000; Date.now() < ends; await sleep(250)) {
    const container = await inspect(service);
    if (container.State.Health?.Status === 'healthy') return container;
  }
  throw new Error(`${service} is not healthy:\n${await compose('logs', '--tail', '50', service)}`);
}

/** Requests of a client, as the gateway's own machine sends them: a trusted proxy. One after the other. */
export async function fromInside(
  client: string,
  count: number,
  who: 'flood' | 'person' = 'flood',
): Promise<Sent> {
  const gateway = await inspect('gateway');
  const { Image } = await inspect('scorer');
  const script = readFileSync(join(root, 'test/compose/traffic.mjs'), 'utf8');
  const args = [
    'run',
    '--rm',
    '-i',
    '--network',
    `container:${gateway.Id}`,
    Image,
    'node',
    '--input-type=module',
    '-',
  ];
  return JSON.parse(await run('docker', [...args, client, String(count), who], script)) as Sent;
}

/** JSON from a port of this machine. */
export async function get(port: number, path: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  return { headers: answer.headers, body: (await answer.json()) as Record<string, unknown> };
}
