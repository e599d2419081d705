/** The peers of npm run bench do what they are said to do: their configurations, and what h2load says of itself. */
import test from 'node:test';
import assert from 'node:assert/strict';
import { stringify } from 'yaml';
import { nginxConf } from '../../config/nginx.ts';
import { parseConfig } from '../../config/read.ts';
import { haproxyBalancer, haproxyConf } from '../../bench/haproxy.ts';
import { parseLoad } from '../../bench/h2load.ts';
import { emptyLuaConf, plainConf, usualConf } from '../../bench/plain.ts';
import { PORTS } from '../../bench/stand.ts';

const place = {
  run: '/run/bench',
  folder: '/run/bench',
  secret: '/run/bench/secret',
  luaFolders: [],
  luaLibraries: null,
  user: null,
  stdout: false,
  openFiles: 1024,
  start: 'abcd',
  workers: 1,
  http2Directive: false,
  systemCa: '/ca.pem',
  nameServers: [],
};

const rendered = (more: object): string =>
  nginxConf(
    parseConfig(
      stringify({
        tiers: [{ name: 'site', backends: ['127.0.0.1:1', '127.0.0.1:2'] }],
        default_tier: 'site',
        ...more,
      }),
      'test',
    ),
    place,
  );

test('plain nginx has the upstream, the log and the cache of Scoregate, and no Lua', () => {
  const text = plainConf(rendered({ cache: { enabled: true, ttl_s: 600 } }), 'site');
  assert.match(text, /proxy_pass http:\/\/site;/);
  assert.match(text, /proxy_cache_key "site /);
  assert.match(text, /proxy_cache_valid 200 .* 600s;/);
  assert.match(text, /"tier":"site","score":0\.991,"origin":"leased"/);
  assert.doesNotMatch(
    text.replaceAll(/^ *#.*$/gm, ''),
    /lua|\$tier|\$score|\$cache_skip|\$cache_(?:age|date)/,
  );
});

test('the least that routing by Lua can be is plain nginx with two phases that do nothing, and its upstream by variable', () => {
  const text = rendered({});
  const least = emptyLuaConf(text, 'site');
  assert.match(
    least,
    /access_by_lua_block \{ \}\n +log_by_lua_block \{ \}\n +proxy_pass http:\/\/\$empty_tier;/,
  );
  const back = least
    .replace(/ *lua_malloc_trim 0;\n *map "" \$empty_tier \{\n.*\n *\}\n/, '')
    .replaceAll(/^.*_by_lua_block \{ \}\n/gm, '')
    .replaceAll('$empty_tier', 'site');
  assert.equal(back, plainConf(text, 'site'));
});

test("plain nginx keeps the cache's files open as Scoregate does; as people write it, it does not", () => {
  const text = rendered({ cache: { enabled: true, ttl_s: 600 } });
  const without = plainConf(text, 'site').replace(/^ *open_file_cache max=256 inactive=20s;\n/m, '');
  assert.doesNotMatch(without, /open_file_cache/);
  assert.equal(usualConf(text, 'site'), without);
  assert.notEqual(plainConf(text, 'site'), without);
});

test('plain nginx stands for the tier slow where none is named', () => {
  const tiers = ['fast', 'slow'].map((name, i) => ({ name, backends: [`127.0.0.1:${i + 1}`] }));
  const text = plainConf(rendered({ tiers, default_tier: 'fast', hysteresis: { hold_s: [120] } }));
  assert.match(text, /proxy_pass http:\/\/slow;/);
});

test('HAProxy balances over all backends, caches and speaks HTTP/2 where it is asked to', () => {
  const text = haproxyBalancer(PORTS.haproxy, { balance: 'leastconn', cache_s: 60, pem: '/both.pem' });
  assert.match(text, /balance leastconn/);
  for (const port of PORTS.backends)
    assert.match(text, new RegExp(`server s\\d 127\\.0\\.0\\.1:${port}$`, 'm'));
  assert.match(text, /ssl crt \/both\.pem alpn h2,http\/1\.1$/m);
  assert.match(text, /http-request set-header X-Forwarded-Proto https$/m);
  assert.match(text, /http-request cache-use small/);
  assert.match(text, /^cache small\n.*\n.*\n +max-age 60$/m);
  assert.doesNotMatch(text, /stick-table/);
  const without = haproxyBalancer(PORTS.haproxy, { balance: 'roundrobin' });
  assert.doesNotMatch(without, /cache|ssl crt/);
});

test('HAProxy with tiers counts clients in a stick table and has a backend for each tier', () => {
  const text = haproxyConf(PORTS.haproxy);
  assert.match(text, /stick-table type ip/);
  assert.deepEqual([...text.matchAll(/^backend (\w+)$/gm)].map((one) => one[1]), ['fast', 'standard', 'slow']); // prettier-ignore
});

const SAID = `starting benchmark...
TLS Protocol: TLSv1.3
Cipher: TLS_AES_256_GCM_SHA384
Server Temp Key: X25519 253 bits
Application protocol: h2

finished in 2.00s, 1234.50 req/s, 1.2MB/s
requests: 2469 total, 2469 started, 2469 done, 2469 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 2469 2xx, 0 3xx, 0 4xx, 0 5xx
`;

test("h2load's end says how many were answered, in which time and over what", () => {
  const expected = { answered: 2469, seconds: 2, protocol: 'TLSv1.3 TLS_AES_256_GCM_SHA384 h2' };
  assert.deepEqual(parseLoad(SAID), expected);
});

test('a run of h2load with a failure, another status or without HTTP/2 is an error', () => {
  const bad = [
    SAID.replace('0 failed', '3 failed'),
    SAID.replace('0 timeout', '1 timeout'),
    SAID.replace('2469 2xx, 0 3xx, 0 4xx', '2400 2xx, 0 3xx, 69 4xx'),
    SAID.replace('protocol: h2', 'protocol: http/1.1'),
    'no output',
  ];
  for (const text of bad) assert.throws(() => parseLoad(text), /h2load did not go well/);
});
