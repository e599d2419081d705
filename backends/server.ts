/**
 * The demo application, started once for each backend: it says which one answered. For replays and tests it obeys
 * three request headers: X-Demo-Status (100 < status < 600), X-Demo-Bytes (how long the body is, at most 10 MB) and
 * X-Demo-Delay (ms before it answers, at most 10,000). A real application has none of this.
 *
 *     node --import tsx backends/server.ts --port 8081 --name fast [--host 127.0.0.1] [--log]
 */
import { parseArgs } from 'node:util';
import { backend } from './app.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    name: { type: 'string', default: 'demo' },
    log: { type: 'boolean', default: false },
  },
});
const port = Number(values.port);
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  console.error('backends/server.ts: --port N is needed, a number from 0 to 65535');
  process.exit(2);
}

const app = backend({ name: values.name, log: values.log });
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void app.close().then(() => process.exit(0)));
}
await app.listen({ port, host: values.host });
