import { testBad } from './problems.ts';

const three =
  'tiers:\n  - { name: a, backends: ["127.0.0.1:1"] }\n  - { name: b, backends: ["127.0.0.1:2"] }\n';

testBad([
  [
    'a second document',
    'listen: { port: 81 }\n---\nlisten: { port: 82 }',
    /^x\.yaml:2: \(file\): a second document begins here; take out the ---$/,
  ],
  [
    'a key that every object of JavaScript has',
    'workers: 1\nconstructor: 1',
    /^x\.yaml:2: constructor: unknown key "constructor"; known here: listen/,
  ],
  [
    'a name for the admin address',
    'workers: 1\nadmin: admin.example:8090',
    /^x\.yaml:2: admin: admin\.example is a name; write the address of this machine, as a rule 127\.0\.0\.1$/,
  ],
  [
    'an unknown key near a known one',
    'mode: route\nlissten: {}',
    /^x\.yaml:2: lissten: unknown key "lissten"; did you mean "listen"\?$/,
  ],
  ['two letters swapped', 'listen:\n  prot: 80', /^x\.yaml:2: listen\.prot: .* did you mean "port"\?$/],
  [
    'an unknown key like no other',
    'listen:\n  colour: red',
    /^x\.yaml:2: listen\.colour: .*known here: port, address, proxy_protocol, access$/,
  ],
  [
    'a text for a number',
    'listen:\n\n  port: eighty',
    /^x\.yaml:3: listen\.port: "eighty" is not a port number; right would be 8080$/,
  ],
  ['a number in quotes', 'listen: { port: "8080" }', /^x\.yaml:1: listen\.port: "8080" is not a port number/],
  [
    'a port out of range',
    'listen:\n  port: 70000',
    /^x\.yaml:2: listen\.port: 70000 is out of range; it must be from 1 to 65535$/,
  ],
  ['a broken number', 'listen: { port: 80.5 }', /listen\.port: 80\.5 is not a port number/],
  [
    'a value for a group',
    'listen: 8080',
    /^x\.yaml:1: listen: 8080 is not a group of keys; right would be \{"port":8080\}$/,
  ],
  ['a group left empty', 'listen:\nmode: route', /^x\.yaml:1: listen: null is not a group of keys/],
  [
    'a yes for a truth',
    'headers:\n  tier: yes',
    /^x\.yaml:2: headers\.tier: "yes" is not true or false; right would be false$/,
  ],
  [
    'a number of workers as a word',
    'workers: many',
    /^x\.yaml:1: workers: "many" is not auto or a whole number from 1 to 64; right would be "auto"$/,
  ],
  ['too many workers', 'workers: 65', /^x\.yaml:1: workers: 65 is not auto or a whole number from 1 to 64/],
  [
    'an unknown mode',
    '# a\n# b\nmode: watch',
    /^x\.yaml:3: mode: "watch" is not route, observe or off; right would be "route"$/,
  ],
  [
    'a backend without a port',
    `tiers:\n- name: a\n  backends:\n  - 10.0.0.1:80\n  - 10.0.0.2\n- { name: standard, backends: ["10.0.0.3:80"] }\nhysteresis: { hold_s: [1] }`,
    /^x\.yaml:5: tiers\[0\]\.backends\[1\]: "10\.0\.0\.2" is not HOST:PORT or an http\(s\):\/\/ URL: the port is missing; right would be "127\.0\.0\.1:8081"$/,
  ],
  [
    'an address that is none',
    'admin: 127.0.0.256:8090',
    /^x\.yaml:1: admin: .*the host is not an address or a name/,
  ],
  ['an IPv6 address without brackets', 'admin: "::1"', /in brackets, with a port: \[::1\]:8081/],
  [
    'a scheme before an address',
    'scorer: { listen: "http://127.0.0.1:5000" }',
    /no scheme is written here, only HOST:PORT/,
  ],
  ['a port out of range in an address', 'admin: 127.0.0.1:99999', /a port is from 1 to 65535, not 99999/],
  [
    'a network with bits beyond its length',
    'trusted_proxies:\n- 10.0.0.0/8\n- 192.168.1.1/16',
    /^x\.yaml:3: trusted_proxies\[1\]: .*the network is 192\.168\.0\.0\/16/,
  ],
  [
    'an IPv6 network with bits beyond its length',
    'trusted_proxies: ["2001:db8::1/32"]',
    /the network is 2001:db8:0:0:0:0:0:0\/32/,
  ],
  ['a network too long', 'trusted_proxies: [10.0.0.0/33]', /after the \/ comes a number from 1 to 32/],
  [
    'a proxy by name',
    'trusted_proxies: [cdn.example.org]',
    /^x\.yaml:1: trusted_proxies\[0\]: .*that is not an address/,
  ],
  ['everybody as a proxy', 'trusted_proxies: [0.0.0.0/0]', /anyone could forge the address/],
  [
    'a single network that is no list',
    'trusted_proxies: 10.0.0.0/8',
    /is not a list of networks; right would be \["10\.0\.0\.0\/8"\]/,
  ],
  [
    'a listening address that is a name',
    'listen: { address: localhost }',
    /listen\.address: "localhost" is not an IP address/,
  ],
  ['Redis without a scheme', 'redis: 127.0.0.1:6380', /the scheme is missing: redis:\/\/127\.0\.0\.1:6380/],
  [
    'a Redis that npm start cannot run',
    'redis: redis://10.1.1.1:6379',
    /^x\.yaml:1: redis_start: npm start cannot run a Redis on 10\.1\.1\.1; set redis_start: false$/,
  ],
  [
    'a Redis with TLS that npm start cannot run',
    'redis: rediss://127.0.0.1:6379',
    /without TLS; use redis:\/\/ or set redis_start: false/,
  ],
  [
    'memory without a unit',
    'limits: { redis_memory: "256" }',
    /limits\.redis_memory: .*a number and its unit/,
  ],
  ['a body without a unit', 'limits: { body: "1000" }', /limits\.body: .*a number and its unit/],
  ['a body of any length', 'limits: { body: 9999999999gb }', /1kb or more: that is too much/],
  ['no body', 'limits: { body: 0kb }', /an amount, 1kb or more: that is too little/],
  ['too little memory', 'limits: { redis_memory: 1mb }', /16mb or more: that is too little/],
  [
    'a tier name that nginx would not take',
    'tiers:\n- { name: "Fast one", backends: ["a:1"] }\n- { name: standard, backends: ["b:1"] }',
    /^x\.yaml:2: tiers\[0\]\.name: "Fast one" is not a tier name/,
  ],
  [
    'two tiers of one name',
    `${three}  - { name: a, backends: ["127.0.0.1:3"] }\ndefault_tier: b`,
    /^x\.yaml:4: tiers\[2\]\.name: the name "a" is taken by tiers\[0\]/,
  ],
  ['no tier', 'tiers: []', /^x\.yaml:1: tiers: it has 0 of the at least 1 entries/],
  [
    'a tier without backends',
    'tiers:\n- { name: a, backends: [] }\n- { name: standard, backends: ["b:1"] }',
    /^x\.yaml:2: tiers\[0\]\.backends: it has 0 of the at least 1 entries; right would be \["127\.0\.0\.1:8081"\]/,
  ],
  [
    'a tier that names no backends',
    'tiers:\n- name: a\n- { name: standard, backends: ["b:1"] }\nhysteresis: { hold_s: [1] }',
    /^x\.yaml:2: tiers\[0\]: the key "backends" is missing in tiers\[0\]/,
  ],
  [
    'a backend named twice',
    'tiers:\n- { name: a, backends: ["b:1", "b:1"] }\n- { name: standard, backends: ["c:1"] }\nhysteresis: { hold_s: [1] }',
    /^x\.yaml:2: tiers\[0\]\.backends\[1\]: "b:1" is there twice/,
  ],
  [
    'a default tier misspelt',
    'default_tier: fats',
    /^x\.yaml:1: default_tier: "fats" is not a tier; did you mean "fast"\?$/,
  ],
  [
    'a default tier that is none',
    `${three}hysteresis: { hold_s: [1] }`,
    /default_tier: "standard" is not a tier; use one of a, b$/,
  ],
  [
    'too few hold times',
    'hysteresis:\n  margin: 0.1\n  hold_s: [60]',
    /^x\.yaml:3: hysteresis\.hold_s: 3 tiers have 2 lines between them, but 1 times are given; right would be \[120,60\], or none$/,
  ],
  [
    'a time between returns out of range',
    'hysteresis: { repeat_s: -1 }',
    /hysteresis\.repeat_s: -1 is out of range; it must be from 0 to 604800/,
  ],
  [
    'a margin out of range',
    'hysteresis: { margin: 2 }',
    /hysteresis\.margin: 2 is out of range; it must be from 0 to 0\.5/,
  ],
  [
    'a wait beyond the time limit',
    'scorer:\n  timeout_ms: 20\n  wait_ms: 30',
    /^x\.yaml:3: scorer\.wait_ms: a request would wait 30 ms .*make it 20 or less$/,
  ],
  [
    'one port for two',
    'listen:\n  port: 5000',
    /^x\.yaml:1: scorer\.listen: port 5000 is already used by listen\.port/,
  ],
  [
    'the gateway as its own backend',
    'listen:\n  port: 8081',
    /tiers\[0\]\.backends\[0\]: port 8081 is already used by listen\.port/,
  ],
  [
    'the gateway as its own backend by the address it listens on',
    'listen: { address: 10.1.1.1, port: 81 }\ntiers:\n- { name: standard, backends: ["10.1.1.1:81"] }',
    /^x\.yaml:3: tiers\[0\]\.backends\[0\]: port 81 is already used by listen\.port/,
  ],
  [
    'the gateway as its own backend by no address',
    'tiers:\n- { name: standard, backends: ["0.0.0.0:8080"] }',
    /tiers\[0\]\.backends\[0\]: port 8080 is already used by listen\.port/,
  ],
  [
    'the PROXY protocol from nobody',
    'listen: { proxy_protocol: true }',
    /list the load balancer in trusted_proxies$/,
  ],
  [
    'a key twice',
    'mode: route\nadmin: "127.0.0.1:1"\nmode: observe',
    /^x\.yaml:3: \(file\): not YAML: Map keys must be unique/,
  ],
  ['no YAML', 'listen:\n  port: [8080', /^x\.yaml:2: \(file\): not YAML/],
  ['a list for the whole', '- a\n- b', /^x\.yaml:1: \(file\): \["a","b"\] is not a group of keys/],
  ['an empty log name', 'logs: { error: "" }', /logs\.error: it is empty, but must be a file name/],
]);
