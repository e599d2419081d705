/** What the scorer tells Prometheus. One registry per application, so that tests can run several. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Service } from './service.ts';

const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25];

export class Metrics {
  readonly registry = new Registry();
  readonly hits = this.#counter(
    'scoregate_hits_total',
    'Hits counted, each once, whichever store counted it.',
  );
  readonly batches = new Counter({
    name: 'scoregate_batches_total',
    help: 'Reports, by whether they were counted or had been before.',
    labelNames: ['counted'],
    registers: [this.registry],
  });
  readonly clients = this.#counter('scoregate_clients_scored_total', 'Verdicts given.');
  readonly verdicts = new Counter({
    name: 'scoregate_verdicts_total',
    help: 'Verdicts by tier and origin.',
    labelNames: ['tier', 'origin'],
    registers: [this.registry],
  });
  readonly inference = this.#histogram(
    'scoregate_inference_seconds',
    'Features, scores, tiers and leases of a report.',
  );
  readonly redis = this.#histogram('scoregate_redis_seconds', 'Round trips to Redis.');
  readonly takeovers = new Counter({
    name: 'scoregate_model_loads_total',
    help: 'Models found in the model folder after the start, by what became of them.',
    labelNames: ['result'],
    registers: [this.registry],
  });

  #counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.registry] });
  }

  #histogram(name: string, help: string): Histogram {
    return new Histogram({ name, help, buckets: SECONDS, registers: [this.registry] });
  }

  /** Figures that are looked up when somebody asks. */
  watch(service: Service): void {
    const gauge = (name: string, help: string, value: () => number): void => {
      new Gauge({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.set(value());
        },
      });
    };
    /** What others count, looked up too. */
    const counter = (name: string, help: string, value: () => number): void => {
      new Counter({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.reset();
          this.inc(value());
        },
      });
    };
    const store = new Gauge({
      name: 'scoregate_store',
      help: '1 for the window store in use.',
      labelNames: ['store'],
      registers: [this.registry],
      collect() {
        for (const name of ['redis', 'memory'])
          store.set({ store: name }, service.storeInUse() === name ? 1 : 0);
      },
    });
    const model = new Gauge({
      name: 'scoregate_model_info',
      help: '1, with the model that serves in its labels.',
      labelNames: ['version', 'backend', 'compiled'],
      registers: [this.registry],
      collect() {
        const { version, backend, compiled } = service.model;
        model.reset();
        model.set({ version, backend, compiled: String(compiled) }, 1);
      },
    });
    gauge('scoregate_gateways', 'Gateways that reported in the last 3 s.', () => service.gateways);
    gauge(
      'scoregate_generation',
      'Rises with every change of model, thresholds or pins.',
      () => service.generation,
    );
    gauge('scoregate_pins', 'Clients pinned to a tier.', () => service.pins);
    gauge(
      'scoregate_batches_waiting',
      'Reports kept for a Redis that is down.',
      () => service.outage().waiting,
    );
    gauge('scoregate_memory_clients', 'Clients remembered in memory.', () => service.memory.size);
    counter(
      'scoregate_memory_clients_forgotten_total',
      'Clients that went for want of room.',
      () => service.memory.forgotten,
    );
    counter(
      'scoregate_batches_replayed_total',
      'Reports given to Redis after it was down.',
      () => service.outage().replayed,
    );
    counter(
      'scoregate_batches_dropped_total',
      'Reports that Redis was never given.',
      () => service.outage().dropped,
    );
  }
}
