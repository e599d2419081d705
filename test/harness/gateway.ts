/**
 * A whole gateway for a test: Redis, scorer, backends and nginx as real processes on ports of its own, without the
 * launcher's supervision, so that what a test kills stays dead until the test starts it again.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, chmodSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { readConfig } from '../../config/read.ts';
import { render } from '../../config/render.ts';
import { findNginx, findRedis } from '../../launch/find.mjs';
import { writeModel } from '../scorer/models.ts';
import { Part, until } from './part.ts';

export { answers, Part, until } from './part.ts';

type Overrides = Record<string, unknown>;
export interface Options {
  /** First of twenty ports: gateway, admin, scorer, Redis, backends from +10. */
  port: number;
  /** Merged over the test's configuration, key by key. */
  config?: Overrides;
  /** Start no scorer: the test has its own. */
  noScorer?: boolean;
  /** Use another gateway's Redis and scorer. */
  sharing?: Gateway;
}

export interface LogLine {
  /** When it ended, Unix seconds. */
  timestamp: number;
  duration_s: number;
  /** Of each try, between commas; "-" where nothing is known. */
  upstream: string;
  upstream_s: string;
  request_id: string;
  client: string;
  method: string;
  uri: string;
  protocol: string;
  status: number;
  tier: string;
  score: number | null;
  origin: string;
  wait_ms: number;
  tier_would: string;
  cache?: string;
}

export class Gateway {
  readonly port: number;
  readonly run: string;
  readonly redis: Part;
  readonly scorer: Part;
  readonly backends: Part[] = [];
  nginx: Part;
  readonly scorerPort: number;
  readonly #options: Options;

  constructor(options: Options) {
    const { port, sharing } = options;
    this.#options = options;
    this.port = port;
    this.scorerPort = sharing?.scorerPort ?? port + 2;
    this.run = mkdtempSync(join(tmpdir(), 'scoregate-'));
    chmodSync(this.run, 0o755);
    const secret = sharing
      ? readFileSync(join(sharing.run, 'secret'), 'utf8')
      : randomBytes(32).toString('hex');
    writeFileSync(join(this.run, 'secret'), secret, { mode: 0o600 });
    // A model whose lines are known: 0.5 at 200 requests a minute.
    writeModel(join(this.run, 'model'), { middle: 200 });
    this.configure({});
    const redisPort = String(port + 3);
    this.redis = new Part(
      'Redis',
      [
        findRedis() ?? 'redis-server',
        '--port',
        redisPort,
        '--bind',
        '127.0.0.1',
        '--save',
        '',
        '--dir',
        this.run,
      ],
      port + 3,
    );
    const node = [process.execPath, '--import', 'tsx'];
    const where = ['--config', this.configFile, '--run', this.run];
    this.scorer = new Part('scorer', [...node, 'scorer/server.ts', ...where], port + 2);
    ['fast', 'standard', 'slow'].forEach((name, i) => {
      const at = port + 10 + i;
      const command = [...node, 'backends/server.ts', '--every-path', '--port', String(at), '--name', name];
      this.backends.push(new Part(`backend ${name}`, command, at));
    });
    const nginx = findNginx();
    if (!nginx) throw new Error('no nginx with Lua: run npm test, which installs it');
    const globals = `${nginx.globals} daemon off;`;
    this.nginx = new Part('nginx', [nginx.path, '-c', join(this.run, 'nginx.conf'), '-g', globals], port, {});
  }

  get configFile(): string {
    return join(this.run, 'scoregate.yaml');
  }

  /** Writes and renders the test's configuration with some keys changed. */
  configure(changed: Overrides): void {
    const { port, config = {} } = this.#options;
    const whole = {
      listen: { port, address: '127.0.0.1' },
      admin: `127.0.0.1:${port + 1}`,
      workers: 1,
      tiers: ['fast', 'standard', 'slow'].map((name, i) => ({
        name,
        backends: [`127.0.0.1:${port + 10 + i}`],
      })),
      trusted_proxies: ['127.0.0.1/32'],
      scorer: { listen: `127.0.0.1:${this.scorerPort}` },
      redis: `redis://127.0.0.1:${port + 3}`,
      headers: { tier: true, score: true },
      logs: { access: join(this.run, 'access.log'), error: join(this.run, 'error.log'), stdout: false },
      model: join(this.run, 'model'),
      ...config,
      ...changed,
    };
    writeFileSync(this.configFile, stringify(whole));
    const nginx = findNginx();
    if (nginx) render(readConfig(this.configFile), this.run, { nginx, user: null });
  }

  async start(): Promise<this> {
    const { noScorer, sharing } = this.#options;
    const first = [...this.backends.map((backend) => backend.start())];
    if (!sharing) first.push(this.redis.start());
    await Promise.all(first);
    if (!noScorer && !sharing) await this.scorer.start();
    await this.nginx.start();
    return this;
  }

  reload(): void {
    this.nginx.signal('SIGHUP');
  }

  /** Some keys changed and reloaded, and the old workers gone. */
  async reconfigure(changed: Overrides): Promise<void> {
    this.configure(changed);
    this.reload();
    await sleep(1000);
  }

  /** Ends all processes and removes the run folder. */
  async stop(): Promise<void> {
    await this.nginx.end('SIGTERM');
    await Promise.all([this.scorer, ...this.backends, this.redis].map((part) => part.end()));
    rmSync(this.run, { recursive: true, force: true });
  }

  /** One request as the client `ip`. */
  get(path: string, ip: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, {
      method,
      headers: {
        'X-Forwarded-For': ip,
        'User-Agent': 'Mozilla/5.0 (X11)',
        Referer: 'http://site/',
        ...headers,
      },
    });
  }

  /** What the scorer says of a client. */
  async verdict(ip: string, more = ''): Promise<Record<string, unknown>> {
    const answer = await fetch(
      `http://127.0.0.1:${this.scorerPort}/score_ip?ip=${encodeURIComponent(ip)}${more}`,
    );
    return (await answer.json()) as Record<string, unknown>;
  }

  /** One figure of the gateway's metrics, or of the scorer's. */
  async metric(name: string, of: 'gateway' | 'scorer' = 'gateway'): Promise<number> {
    const port = of === 'gateway' ? this.port + 1 : this.scorerPort;
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const line = text.split('\n').find((l) => l.startsWith(`${name} `) || l.startsWith(`${name}{`));
    return line ? Number(line.slice(line.lastIndexOf(' '))) : NaN;
  }

  /** Waits until every hit has been reported. */
  async drained(): Promise<void> {
    await until(
      async () => (await this.metric('scoregate_unreported_hits')) === 0,
      5000,
      'hits stay unreported',
    );
    await sleep(300); // what is on its way
  }

  /** The access log so far; waits for nginx's buffer of up to a second. */
  async log(): Promise<LogLine[]> {
    await sleep(1300);
    const text = readFileSync(join(this.run, 'access.log'), 'utf8').trim();
    return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as LogLine);
  }

  errors(): string {
    const file = join(this.run, 'error.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }
}

/** Plain nginx in front of one backend, to compare with: no Lua, the same worker count. */
export async function plainNginx(port: number, backend: number): Promise<Part> {
  const dir = mkdtempSync(join(tmpdir(), 'scoregate-plain-'));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const conf = `worker_processes 2; pid ${dir}/pid; error_log ${dir}/error.log; events { worker_connections 4096; }
    http { access_log off; ${temporary.map((name) => `${name}_temp_path ${dir}/${name};`).join(' ')}
    upstream backend { server 127.0.0.1:${backend}; keepalive 64; keepalive_timeout 4s; }
    server { listen 127.0.0.1:${port} backlog=4096; keepalive_requests 100000; location / { proxy_pass http://backend;
    proxy_http_version 1.1; proxy_set_header Connection ""; } } }`;
  writeFileSync(join(dir, 'nginx.conf'), conf);
  const path = findNginx()?.path ?? 'nginx';
  const part = new Part('plain nginx', [path, '-c', join(dir, 'nginx.conf'), '-g', 'daemon off;'], port);
  await part.start();
  part.process?.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  return part;
}

export async function startGateway(options: Options): Promise<Gateway> {
  const gateway = new Gateway(options);
  try {
    return await gateway.start();
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}
