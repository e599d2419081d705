// Runs a TypeScript module of the project in a worker thread: new Worker(this, { workerData: { module: its URL, … } }).
import { workerData } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
await import(workerData.module);
