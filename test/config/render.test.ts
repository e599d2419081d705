import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { gatewayId } from '../../config/gateway.ts';
import { parseConfig } from '../../config/read.ts';
import { render, renderTexts } from '../../config/render.ts';
import { findNginx } from '../../launch/find.mjs';
import { nginxProblem } from '../../launch/tryout.ts';
import { chooseUser } from '../../launch/user.ts';
import { Certificates } from '../harness/certificates.ts';

const found = findNginx();
assert.ok(found, 'npm test installs an nginx with Lua');
const nginx = found;
const folder = mkdtempSync(join(tmpdir(), 'scoregate-render-'));
after(() => rmSync(folder, { recursive: true }));

/** A run folder of its own, with a secret. */
function runFolder(name: string): string {
  const run = join(folder, name);
  mkdirSync(run);
  writeFileSync(join(run, 'secret'), 'a'.repeat(64));
  return run;
}

function texts(yaml: string): { nginxConf: string; gateway: Record<string, unknown> } {
  const rendering = renderTexts(parseConfig(yaml, 'x.yaml'), '/run-folder', { nginx });
  return {
    nginxConf: rendering.nginxConf,
    gateway: JSON.parse(rendering.gatewayJson) as Record<string, unknown>,
  };
}

const block = (text: string, start: string): string =>
  text.slice(text.indexOf(start)).split('\n  }\n', 1)[0] ?? '';

test('nginx accepts what is rendered, for configurations of all kinds', () => {
  const files = [
    '',
    'mode: observe\nheaders: { tier: true, score: true }\nworkers: 3',
    'listen: { address: "::", port: 15380 }\nadmin: "[::1]:15381"',
    'listen: { proxy_protocol: true }\ntrusted_proxies: [10.0.0.0/8, "2001:db8::/32", 192.0.2.1]',
    'logs: { access: off, stdout: false, error: run/deep/er/error.log }',
    'access: { default: deny, allow: [10.0.0.0/8], pin: { slow: ["2001:db8::/32", 10.1.2.3] } }\n' +
      'paths: [{ path: /a/, access: { deny: ["::1"] } }, { path: /a/b }, { path: / }]',
    'compression: { enabled: true, types: [text/html, text/css, text/css], level: 9 }',
    'compression: { enabled: true, types: [] }',
    'logs: { headers: true, body_bytes: 100, masked: [] }\nmode: observe\naccess: { deny: ["::1"] }\ncache: { enabled: true }',
    'logs: { format: combined }',
    'mode: off\nheaders: { tier: true, score: true }\naccess: { deny: ["::1"] }\nscorer: { address: "scorer:5000" }',
    'mode: off\nlogs: { headers: true, body_bytes: 100 }\ncache: { enabled: true }',
    'cache: { enabled: true }\nheaders: { tier: true }\npaths: [{ path: /a/, cache: { enabled: false } }]',
    'cache: { stale: off, ttl_s: 5 }\npaths: [{ path: /a, cache: { cookies: true } }]',
    'tiers:\n- { name: a, backends: ["[::1]:81", "127.0.0.1:82"] }\n- { name: b, backends: ["127.0.0.1:82"] }\n' +
      'default_tier: b\nhysteresis: { hold_s: [1] }\nredis: memory',
  ];
  for (const [i, yaml] of files.entries()) {
    const config = parseConfig(yaml, 'x.yaml');
    assert.equal(nginxProblem(config, { run: runFolder(`good-${i}`), nginx, user: null }), null, yaml);
  }
});

test('what nginx itself refuses is reported, and the try-out leaves nothing behind', () => {
  const run = runFolder('refused');
  // An address of documentation (RFC 5737), which no machine has.
  const config = parseConfig('listen: { address: 192.0.2.1 }', 'x.yaml');
  assert.match(nginxProblem(config, { run, nginx, user: null }) ?? '', /192\.0\.2\.1/);
  assert.throws(() => statSync(join(run, 'tryout')));
});

test('gateway.json holds what the Lua modules read', () => {
  const { gateway } = texts(
    'mode: observe\nworkers: 2\nlisten: { port: 9000 }\nscorer: { listen: "[::1]:5001" }',
  );
  assert.match(String(gateway['gateway']), /^[A-Za-z0-9._-]{1,32}-9000$/);
  delete gateway['gateway'];
  const observations = String(gateway['observations_file']);
  assert.match(observations, /^\/.*\/config\/observations\.json$/);
  assert.ok(statSync(observations).isFile());
  delete gateway['observations_file'];
  assert.deepEqual(gateway, {
    tiers: ['fast', 'standard', 'slow'],
    default_tier: 1,
    mode: 'observe',
    clients: 100000,
    newcomers: 16384,
    queue: 2048,
    wait_ms: 25,
    timeout_ms: 250,
    scorer: { host: '::1', port: 5001 },
    secret_file: '/run-folder/secret',
    holds_s: [120, 60],
    workers: 2,
    pins: false,
    log: null,
  });
});

test("a tier's upstream has its own backends, and as backups the next worse tiers before the better ones", () => {
  const { nginxConf } = texts('');
  const servers = (name: string): string[] =>
    [
      ...block(nginxConf, `upstream ${name} {`).matchAll(/server (\S+?)(?: backup weight=(\d+))? max_fails/g),
    ].map(([, server, weight]) => `${server} ${weight ?? 'own'}`);
  assert.deepEqual(servers('fast'), ['127.0.0.1:8081 own', '127.0.0.1:8082 1000', '127.0.0.1:8083 1']);
  assert.deepEqual(servers('standard'), ['127.0.0.1:8082 own', '127.0.0.1:8083 1000', '127.0.0.1:8081 1']);
  assert.deepEqual(servers('slow'), ['127.0.0.1:8083 own', '127.0.0.1:8082 1000', '127.0.0.1:8081 1']);
});

// nginx -t runs as root, and would not notice: the workers would end as they begin, and nobody answer.
test('authorities that the workers cannot read are refused where checks need them', (t) => {
  const { user } = chooseUser([]);
  if (user === null) return t.skip('only root has workers of another user');
  const made = new Certificates(); // a folder of mode 700
  const { certificate } = made.make('authority', []);
  const yaml = (pool: string): string =>
    `tiers: [{ name: a, tls_name: a.test, pool: { backends: [{ address: "https://127.0.0.1:81" }], ${pool} } }]\n` +
    `default_tier: a\nbackend_tls: { ca: "${certificate}" }`;
  const problem = (pool: string): string | null =>
    nginxProblem(parseConfig(yaml(pool), 'x.yaml'), { run, nginx, user });
  const run = runFolder('authorities');
  assert.equal(problem('live: true'), null);
  assert.match(problem('health: {}') ?? '', /its workers, user \S+, cannot read \S+authority\.pem, by which/);
  chmodSync(made.folder, 0o755);
  assert.equal(problem('health: {}'), null);
  made.remove();
});

test('with eight tiers the weights of the backups still fit', () => {
  const tiers = Array.from({ length: 8 }, (_, i) => `- { name: t${i}, backends: ["127.0.0.1:${81 + i}"] }`);
  const yaml = `tiers:\n${tiers.join('\n')}\ndefault_tier: t3\nhysteresis: { hold_s: [1,1,1,1,1,1,1] }`;
  const weights = [...texts(yaml).nginxConf.matchAll(/weight=(\d+)/g)].map(([, weight]) => Number(weight));
  assert.equal(weights.length, 56);
  assert.ok(Math.max(...weights) <= 1e7 && Math.min(...weights) === 1);
});

test('only WebSocket is passed on as an upgrade: what another protocol carries would go uncounted', () => {
  const { nginxConf } = texts('');
  const maps = ['$backend_upgrade', '$backend_connection'].map((name) =>
    block(nginxConf, `map $http_upgrade ${name} {`).replace(/\s+/g, ' ').trim(),
  );
  assert.deepEqual(maps, [
    'map $http_upgrade $backend_upgrade { websocket $upgrade_if_possible; default "";',
    'map $http_upgrade $backend_connection { websocket $connection_if_possible; default "";',
  ]);
  assert.match(nginxConf, /proxy_set_header Upgrade \$backend_upgrade;/);
});

test('gateways with long names that differ only at the end have ids that differ, and fit', () => {
  const pod = 'scoregate-gateway-deployment-7d9f8b6c5d-';
  const [a, b] = [gatewayId(`${pod}x2x7k`, 8080), gatewayId(`${pod}q8wlp`, 8080)];
  assert.notEqual(a, b);
  assert.match(a, /^scoregate-gatew-[0-9a-f]{8}-8080$/);
  assert.equal(gatewayId('web 1', 65535), 'web-1-65535');
  assert.ok(`${gatewayId(pod, 65535)}/1763708543494-4194304/63.1234567`.length <= 64);
});

test('nobody is believed about the client when no proxy is trusted', () => {
  assert.doesNotMatch(texts('').nginxConf, /set_real_ip_from|real_ip_header/);
  assert.match(
    texts('trusted_proxies: [10.0.0.0/8]').nginxConf,
    /set_real_ip_from 10\.0\.0\.0\/8;\s+real_ip_header X-Forwarded-For;\s+real_ip_recursive on;/,
  );
});

test('the verdict goes to clients only where configured, and never comes in from them', () => {
  const off = texts('').nginxConf;
  assert.doesNotMatch(off, /add_header/);
  assert.match(off, /proxy_set_header X-Tier "";\s+proxy_set_header X-Score "";/);
  assert.match(texts('headers: { tier: true }').nginxConf, /add_header X-Tier \$tier always;/);
});

test('what a verdict is where Lua says nothing costs no request a `set`, and all of it has indexes to be written by', () => {
  const route = texts('').nginxConf;
  assert.doesNotMatch(route, /^ *set /m);
  assert.match(route, /map "" \$origin \{\n *default "";/);
  assert.match(route, /map "\$tier\$score\$origin\$wait_ms" /);
  assert.match(texts('mode: observe').nginxConf, /map "\$tier\$score\$origin\$wait_ms\$tier_would" /);
});

test('the access log goes to the file, to standard output, to both or to neither', () => {
  const targets = (yaml: string, stdout = true): string[] =>
    [
      ...renderTexts(parseConfig(yaml, 'x.yaml'), '/r', { nginx, stdout }).nginxConf.matchAll(
        /access_log (\S+) scoregate/g,
      ),
    ].map(([, target]) => target ?? '');
  assert.deepEqual(targets(''), ['"/r/access.log"', '/dev/stdout']);
  assert.deepEqual(targets('', false), ['"/r/access.log"']);
  assert.deepEqual(targets('logs: { access: off }'), ['/dev/stdout']);
  assert.deepEqual(targets('logs: { access: off, stdout: false }'), []);
  assert.deepEqual(targets('logs: { access: /var/log/x.log, stdout: false }'), ['"/var/log/x.log"']);
});

test('the files are written whole, into a folder of their own when only tried out', () => {
  const run = runFolder('written');
  const paths = render(parseConfig('', 'x.yaml'), run, { nginx, folder: join(run, 'elsewhere') });
  assert.equal(paths.nginxConf, join(run, 'elsewhere/nginx.conf'));
  assert.match(readFileSync(paths.nginxConf, 'utf8'), /SCOREGATE_GATEWAY=.*\/elsewhere\/gateway\.json/);
  assert.throws(() => statSync(join(run, 'nginx.conf')));
});

test('a folder whose name nginx would read as syntax is refused with a reason', () => {
  const config = parseConfig('', 'x.yaml');
  assert.throws(() => renderTexts(config, '/a $dir', { nginx }), /characters that nginx reads as syntax/);
});

test('the workers run as the user that is named, and as nobody else', () => {
  const config = parseConfig('', 'x.yaml');
  assert.doesNotMatch(renderTexts(config, '/r', { nginx, user: null }).nginxConf, /^user /m);
  const user = { name: 'www-data', uid: 33, gid: 33 };
  assert.match(renderTexts(config, '/r', { nginx, user }).nginxConf, /^user www-data;$/m);
});

test('a scorer that has a name is found by the name servers of this machine, and looked for again every 2 s', () => {
  const named = texts('scorer: { listen: "0.0.0.0:5000", address: "scorer:5001" }');
  assert.deepEqual(named.gateway['scorer'], { host: 'scorer', port: 5001 });
  assert.match(named.nginxConf, /resolver [\d.[\]:a-f ]+ valid=2s;\n +resolver_timeout 250ms;/);
  for (const yaml of ['', 'scorer: { listen: "[::1]:5000" }']) {
    assert.doesNotMatch(texts(yaml).nginxConf, /resolver/);
  }
  const local = texts('scorer: { listen: "localhost:5000" }');
  assert.deepEqual(local.gateway['scorer'], { host: '127.0.0.1', port: 5000 });
  assert.doesNotMatch(local.nginxConf, /resolver/);
});

test('an error log on standard error is written once', () => {
  const { nginxConf } = texts('logs: { error: stderr }');
  assert.equal(nginxConf.match(/^error_log /gm)?.length, 1);
  assert.doesNotMatch(nginxConf, /run-folder\/stderr/);
});
