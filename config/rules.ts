/** What must hold between several values of scoregate.yaml. Each rule looks at one thing and reports its problems. */
import { isIP } from 'node:net';
import { endpoint, isLoopback, redisAddress } from './formats.ts';
import { limitRules } from './limits.ts';
import { offRules, scores } from './mode.ts';
import { nearest, type Problem } from './problems.ts';
import { accessRules } from './rules_access.ts';
import { backendRules } from './rules_backend.ts';
import { poolRules } from './rules_pool.ts';
import { portRules } from './rules_ports.ts';
import type { Config } from './schema.ts';
import { lineCount, usualHolds } from './tiers.ts';

/** Every problem between values; the configuration already fits the schema. */
export function rules(config: Config): Problem[] {
  return [
    ...tierNames(config),
    ...poolRules(config),
    ...limitRules(config),
    ...backendRules(config),
    ...defaultTier(config),
    ...(scores(config) ? scoring(config) : offRules(config)),
    ...portRules(config),
    ...proxyProtocol(config),
    ...accessRules(config),
    ...logDetails(config),
    ...logFiles(config),
    ...adminHost(config),
  ];
}

/** What the scorer and its Redis need. */
const scoring = (config: Config): Problem[] => [...holds(config), ...waits(config), ...redisStart(config)];

function tierNames(config: Config): Problem[] {
  return config.tiers.flatMap((tier, i) => {
    const first = config.tiers.findIndex((other) => other.name === tier.name);
    if (first === i) return [];
    const text = `the name "${tier.name}" is taken by tiers[${first}]; give each tier a name of its own`;
    return [{ path: ['tiers', i, 'name'], text }];
  });
}

function defaultTier(config: Config): Problem[] {
  const names = config.tiers.map((tier) => tier.name);
  if (names.includes(config.default_tier)) return [];
  const near = nearest(config.default_tier, names);
  const fix = near ? `did you mean "${near}"?` : `use one of ${names.join(', ')}`;
  return [{ path: ['default_tier'], text: `"${config.default_tier}" is not a tier; ${fix}` }];
}

function holds(config: Config): Problem[] {
  const lines = lineCount(config);
  const given = config.hysteresis.hold_s?.length ?? lines;
  // One tier has no line: what is given means nothing (tiers.ts).
  if (lines === 0 || given === lines) return [];
  const text = `${config.tiers.length} tiers have ${lines} lines between them, but ${given} times are given`;
  const right = `right would be ${JSON.stringify(usualHolds(lines))}, or none`;
  return [{ path: ['hysteresis', 'hold_s'], text: `${text}; ${right}` }];
}

function waits(config: Config): Problem[] {
  const { wait_ms, timeout_ms } = config.scorer;
  if (wait_ms <= timeout_ms) return [];
  const text = `a request would wait ${wait_ms} ms for an answer that is given up after timeout_ms: ${timeout_ms}`;
  return [{ path: ['scorer', 'wait_ms'], text: `${text}; make it ${timeout_ms} or less` }];
}

function redisStart(config: Config): Problem[] {
  const address = redisAddress(config.redis);
  if (!config.redis_start || !address) return [];
  const path = ['redis_start'];
  if (config.redis.startsWith('rediss:')) {
    return [{ path, text: 'npm start runs its Redis without TLS; use redis:// or set redis_start: false' }];
  }
  if (isLoopback(address.host)) return [];
  return [{ path, text: `npm start cannot run a Redis on ${address.host}; set redis_start: false` }];
}

function proxyProtocol(config: Config): Problem[] {
  if (!config.listen.proxy_protocol || config.trusted_proxies.length > 0) return [];
  const text = 'no trusted proxy is named, so no address from the PROXY protocol would be believed';
  return [{ path: ['listen', 'proxy_protocol'], text: `${text}; list the load balancer in trusted_proxies` }];
}

function logDetails({ logs }: Config): Problem[] {
  if (logs.format === 'json') return [];
  const text = 'there is no place for it in the combined log format; use format: json';
  return [
    ...(logs.headers ? [{ path: ['logs', 'headers'], text }] : []),
    ...(logs.body_bytes > 0 ? [{ path: ['logs', 'body_bytes'], text }] : []),
  ];
}

function logFiles({ logs }: Config): Problem[] {
  if (logs.access !== logs.error) return [];
  return [{ path: ['logs', 'error'], text: 'logs.access is the same file; give each its own' }];
}

/** nginx asks for a name once, as it starts: what comes of that is chance. */
function adminHost({ admin }: Config): Problem[] {
  const host = endpoint(admin)?.host ?? '';
  if (isIP(host) !== 0 || isLoopback(host)) return [];
  const text = `${host} is a name; write the address of this machine, as a rule 127.0.0.1`;
  return [{ path: ['admin'], text }];
}
