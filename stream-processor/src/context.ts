import type { CryptoProvider } from '@pulseseal/crypto';
import type { CareEvent } from '@pulseseal/protocol';
import type { Asks } from './asks.ts';
import type { Counts } from './counts.ts';
import { limits } from './limits.ts';
import type { ProcessorPorts } from './ports.ts';
import { rememberHead } from './same-head.ts';
import type { ProcessorSettings } from './settings.ts';

/** What every step works with. Facts collect in `events` and leave together at the end of a turn. */
export interface Context {
  readonly ports: ProcessorPorts;
  readonly settings: ProcessorSettings;
  readonly crypto: CryptoProvider;
  /** For receipts alone. */
  readonly headCrypto: CryptoProvider;
  readonly counts: Counts;
  readonly asks: Asks;
  emit(event: CareEvent): void;
  /** Counts a refusal and tells the twin, one cause of one device once in a while. */
  report(patient: string, device: string, refusal: string, what: 'epoch' | 'frame' | 'segment'): void;
  takeEvents(): CareEvent[];
  /** Even wall time: a stepped clock must neither hide a deadline nor feign one. */
  wallMs(): number;
  dataMs(): number;
}

export function createContext(ports: ProcessorPorts, settings: ProcessorSettings, counts: Counts, asks: Asks): Context {
  const { wall, data, crypto } = ports;
  let events: CareEvent[] = [];
  const reported = new Map<string, number>();
  const wallMs = () => wall.monotonicMs();
  return {
    ports,
    settings,
    crypto,
    headCrypto: rememberHead(crypto),
    counts,
    asks,
    emit: (event) => void events.push(event),
    report(patient, device, refusal, what) {
      counts.refuse(refusal);
      const cause = `${patient}/${device}/${refusal}/${what}`;
      const nowMs = wallMs();
      const lastMs = reported.get(cause);
      if (lastMs !== undefined && nowMs - lastMs < settings.reportMs) return;
      reported.delete(cause);
      reported.set(cause, nowMs);
      if (reported.size > limits.reported) reported.delete(reported.keys().next().value!);
      events.push({ kind: 'refused', patient, device, refusal, what, atMs: data.nowMs() });
    },
    takeEvents() {
      const taken = events;
      events = [];
      return taken;
    },
    wallMs,
    dataMs: () => data.nowMs(),
  };
}
