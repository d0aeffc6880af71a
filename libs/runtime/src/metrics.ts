import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** A counter with at most one label, whose values come from a closed list (never a patient or device id). */
export interface Count {
  add(amount?: number, label?: string): void;
  value(label?: string): number;
}

export interface Level {
  set(value: number): void;
}

export interface Spread {
  observe(value: number): void;
}

export interface Metrics {
  counter(name: string, help: string, label?: string): Count;
  gauge(name: string, help: string): Level;
  histogram(name: string, help: string, buckets: readonly number[]): Spread;
  /** Prometheus text format. */
  text(): Promise<string>;
}

/** One registry per service: two services fit in one process. */
export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  return {
    counter(name, help, label) {
      const counter = new Counter({
        name,
        help,
        labelNames: label === undefined ? [] : [label],
        registers: [registry],
      });
      // Own mirror: the hot path must not pay for label hashing, and tests read it without parsing text.
      const counts = new Map<string, number>();
      return {
        add(amount = 1, value = '') {
          counts.set(value, (counts.get(value) ?? 0) + amount);
          if (label === undefined) counter.inc(amount);
          else counter.inc({ [label]: value }, amount);
        },
        value: (value = '') => counts.get(value) ?? 0,
      };
    },
    gauge(name, help) {
      const gauge = new Gauge({ name, help, registers: [registry] });
      return { set: (value) => gauge.set(value) };
    },
    histogram(name, help, buckets) {
      const histogram = new Histogram({ name, help, buckets: [...buckets], registers: [registry] });
      return { observe: (value) => histogram.observe(value) };
    },
    text: () => registry.metrics(),
  };
}
