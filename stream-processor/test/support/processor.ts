import { createMemoryKeyStore, createNativeCrypto, toHex } from '@pulseseal/crypto';
import { type CareEvent, type Message, parseMessage } from '@pulseseal/protocol';
import { createMetrics, createSilentLogger } from '@pulseseal/runtime';
import { createManualClock } from '@pulseseal/testkit';
import { createAsks } from '../../src/asks.ts';
import { createContext } from '../../src/context.ts';
import { createCounts } from '../../src/counts.ts';
import { createFlow } from '../../src/flow.ts';
import {
  createMemoryStateStore,
  feedTopic,
  type LedgerView,
  type ProcessorPorts,
  type ProcessorSettings,
  prekeyName,
  processorSettings,
  type StateStore,
} from '../../src/mod.ts';
import { type Circle, T0 } from './device.ts';

export const crypto = createNativeCrypto();

export interface BenchOptions {
  readonly settings?: Partial<ProcessorSettings>;
  readonly state?: StateStore;
  readonly ledger?: LedgerView;
  readonly disputes?: NonNullable<ProcessorPorts['disputes']>;
  readonly startMs?: number;
}

/** The flow with a clock that tests move: messages in, facts out. */
export async function createBench(circle: Circle, options: BenchOptions = {}) {
  const clock = createManualClock(options.startMs ?? T0);
  const keys = createMemoryKeyStore(clock);
  const rid = toHex(circle.rid);
  await keys.put(prekeyName(rid, 1), circle.prekeySeed);
  const state = options.state ?? createMemoryStateStore();
  const ports: ProcessorPorts = {
    crypto: circle.crypto,
    wall: clock,
    data: clock,
    logger: createSilentLogger(),
    metrics: createMetrics('test'),
    feed: { receive: async () => [], acknowledge: async () => {} },
    toEdge: { publish: async () => {} },
    keys,
    patients: {
      byRid: (asked) => (asked === rid ? { patient: 'p1', owner: circle.owner.thumbprint } : undefined),
    },
    state,
    sink: async () => {},
    ...(options.ledger === undefined ? {} : { ledger: options.ledger }),
    ...(options.disputes === undefined ? {} : { disputes: options.disputes }),
  };
  const counts = createCounts(ports.metrics);
  const ctx = createContext(ports, processorSettings(options.settings), counts, createAsks());
  const flow = createFlow(ctx);
  let position = 0;
  const all: CareEvent[] = [];
  const collect = () => {
    const events = ctx.takeEvents();
    all.push(...events);
    return events;
  };
  return {
    clock,
    flow,
    state,
    ports,
    all,
    get refusals() {
      return counts.totals.refusals;
    },
    get totals() {
      return counts.totals;
    },
    /** Hands messages over as one batch; the facts they make. */
    async give(messages: readonly Uint8Array[], channel: 'f' | 'p' | 'g' = 'f', arrivedMs = clock.nowMs()) {
      const topic = feedTopic(rid, channel, arrivedMs);
      await flow.take(messages.map((body) => ({ position: ++position, topic, body })));
      return collect();
    },
    /** One after another, as a slow link would. */
    async giveEach(messages: readonly Uint8Array[], channel: 'f' | 'p' = 'f') {
      const out: CareEvent[] = [];
      for (const message of messages) out.push(...(await this.give([message], channel)));
      return out;
    },
    async advance(ms: number) {
      clock.advance(ms);
      flow.applyAnchors();
      await flow.tick();
      return collect();
    },
    outgoing(): Message[] {
      return flow.outgoing().map(({ message }) => parseMessage(message));
    },
  };
}

export type Bench = Awaited<ReturnType<typeof createBench>>;

export const ofKind = <K extends CareEvent['kind']>(events: readonly CareEvent[], kind: K) =>
  events.filter((event): event is Extract<CareEvent, { kind: K }> => event.kind === kind);

export const readingsOf = (events: readonly CareEvent[]) =>
  ofKind(events, 'readings').flatMap((event) => [...event.readings]);
