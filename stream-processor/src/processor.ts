import type { CareEvent } from '@pulseseal/protocol';
import { createSerial, Failure } from '@pulseseal/runtime';
import { createAsks } from './asks.ts';
import type { CheckpointPass } from './checkpoint.ts';
import { createContext } from './context.ts';
import { createCounts, type ProcessorTotals } from './counts.ts';
import { createFlow } from './flow.ts';
import { limits } from './limits.ts';
import type { FeedMessage, ProcessorPorts } from './ports.ts';
import { type ProcessorSettings, processorSettings } from './settings.ts';

export interface StreamProcessor {
  /** Resumes the epochs of the last run, then follows the feed. */
  start(): Promise<void>;
  /** Hands over what is under way, saves, acknowledges. */
  stop(): Promise<void>;
  /** Resolves when every message received so far is handed over and acknowledged. */
  flush(): Promise<void>;
  readonly totals: ProcessorTotals;
}

/** Opens what the edge forwards, checks it end to end, and tells the twin what is true, how sure it is, and what is missing. */
export function createStreamProcessor(
  ports: ProcessorPorts,
  settings: Partial<ProcessorSettings> = {},
): StreamProcessor {
  const all = processorSettings(settings);
  const counts = createCounts(ports.metrics);
  const ctx = createContext(ports, all, counts, createAsks());
  const flow = createFlow(ctx);
  const serial = createSerial();
  const stopping = new AbortController();
  const { wall, logger, feed, toEdge, sink } = ports;
  /** Positions taken since the last acknowledgement, ascending. */
  let taken: number[] = [];
  /** Facts were not handed over at the stop: saved progress would count them as done. */
  let isBehind = false;
  let checkpointMs = Number.NEGATIVE_INFINITY;
  let savingTookMs = 0;
  let saving: Saving | undefined;
  let writing: Promise<void> | undefined;
  /** Progress is not saved at present: what is taken meanwhile must stay little. */
  let isSlowed = false;
  let cancel: (() => void)[] = [];
  let loop: Promise<void> | undefined;

  const pause = (delayMs: number): Promise<void> =>
    new Promise((resolve) => {
      const stop = wall.after(delayMs, resolve);
      stopping.signal.addEventListener('abort', () => {
        stop();
        resolve();
      });
    });
  /** At least once: the same facts go again until they are durable. False: stopped before. */
  const handOver = async (events: readonly CareEvent[]): Promise<boolean> => {
    if (events.length === 0) return true;
    for (;;) {
      try {
        await sink(events);
        return true;
      } catch (error) {
        counts.note('sink-failed');
        logger.warn({ code: nameOf(error), events: events.length }, 'facts were not taken; they go again');
        if (stopping.signal.aborted) {
          isBehind = true;
          return false;
        }
        await pause(all.sinkRetryMs);
      }
    }
  };
  /** All at once: the bus syncs them together. */
  const send = async (outgoing: ReturnType<typeof flow.outgoing>) => {
    const sent = outgoing.map(({ rid, message }) =>
      toEdge.publish(`${rid}/a`, message).catch(() => counts.note('edge-unreachable')),
    );
    await Promise.all(sent);
  };
  /** How many of `taken` may be acknowledged: what waits for something must come again after a restart. */
  const doneCount = (): number => {
    const barrier = taken.length > limits.unacknowledged ? undefined : flow.barrier;
    const done = barrier === undefined ? taken.length : taken.findIndex((position) => position >= barrier);
    return done < 0 ? taken.length : done;
  };
  const release = async (count: number) => {
    if (count === 0) return;
    await feed.acknowledge(taken[count - 1]!);
    taken = taken.slice(count);
  };
  /** A little after each turn: frames wait neither for the encoding of a whole ward nor for its disk. */
  const acknowledge = () => {
    if (isBehind || writing !== undefined) return;
    if (saving === undefined) {
      const periodMs = Math.max(all.checkpointMs, savingTookMs * limits.checkpointShare);
      const isDue = wall.monotonicMs() - checkpointMs >= periodMs || taken.length >= limits.takenBeforeCheckpoint;
      if (taken.length === 0 || !isDue) return;
      checkpointMs = wall.monotonicMs();
      saving = { pass: flow.beginCheckpoint(), count: doneCount() };
    }
    if (saving.pass.advance(limits.checkpointEpochs)) return;
    const { pass, count } = saving;
    const beganMs = wall.monotonicMs();
    writing = flow
      .saveCheckpoint(pass)
      .then(() => release(count))
      .then(
        () => {
          isSlowed = false;
          savingTookMs = wall.monotonicMs() - beganMs;
        },
        (error: unknown) => {
          isSlowed = true;
          logger.error({ code: nameOf(error) }, 'progress was not saved; it is tried again');
        },
      )
      .finally(() => {
        writing = undefined;
      });
    saving = undefined;
  };
  const acknowledgeAll = async () => {
    await writing;
    saving = undefined;
    if (taken.length === 0 || isBehind) return;
    checkpointMs = wall.monotonicMs();
    const count = doneCount();
    await flow.checkpoint();
    await release(count);
  };
  /** A disk that is full or away stops the feed here; what was done already is seen as repeated. */
  const takeAll = async (messages: Messages): Promise<boolean> => {
    for (;;) {
      try {
        await flow.take(messages);
        return true;
      } catch (error) {
        logger.error({ code: nameOf(error) }, 'state was not saved; the same messages are taken again');
        if (stopping.signal.aborted) return false;
        await pause(all.sinkRetryMs);
      }
    }
  };
  const turn = (messages: Messages) =>
    serial(async () => {
      if (!(await takeAll(messages))) return;
      if (!(await handOver(ctx.takeEvents()))) return;
      for (const { position } of messages) taken.push(position);
      acknowledge();
    });
  const tick = async () => {
    let outgoing: ReturnType<typeof flow.outgoing> = [];
    await serial(async () => {
      flow.applyAnchors();
      await flow.tick();
      if (!(await handOver(ctx.takeEvents()))) return;
      // Made now: a rack speaks of what the twin holds.
      outgoing = flow.outgoing();
      acknowledge();
    });
    await send(outgoing);
  };
  const guard = (task: () => Promise<unknown>, text: string) => () =>
    void task().catch((error: unknown) => logger.error({ code: nameOf(error) }, text));
  /** The next messages are read while those before them are worked off. */
  const follow = async () => {
    let next: Promise<Messages> | undefined;
    while (!stopping.signal.aborted) {
      try {
        const reading = next ?? feed.receive(limits.batchMessages, stopping.signal);
        next = undefined;
        const messages = await reading;
        if (messages.length === 0) {
          if (!stopping.signal.aborted) await pause(all.tickMs);
          continue;
        }
        next = feed.receive(limits.batchMessages, stopping.signal);
        // Its error is met in its own round.
        next.catch(() => {});
        await turn(messages);
        if (isSlowed) await pause(all.sinkRetryMs);
      } catch (error) {
        if (stopping.signal.aborted) break;
        logger.error({ code: nameOf(error) }, 'a turn failed; the feed is read again after a pause');
        await pause(all.sinkRetryMs);
      }
    }
    await next?.catch(() => {});
  };
  let ticking = false;
  const tickOnce = async () => {
    if (ticking) return;
    ticking = true;
    try {
      await tick();
    } finally {
      ticking = false;
    }
  };
  return {
    async start() {
      await flow.resume();
      await handOver(ctx.takeEvents());
      cancel = [
        wall.every(all.tickMs, guard(tickOnce, 'a timer run failed')),
        wall.every(
          all.anchorPollMs,
          guard(() => flow.askLedger(), 'the ledger was not asked'),
        ),
      ];
      loop = follow();
    },
    async stop() {
      for (const stop of cancel) stop();
      stopping.abort();
      await loop;
      await serial(async () => {
        await handOver(ctx.takeEvents());
        await acknowledgeAll();
      });
    },
    flush: () => serial(acknowledgeAll),
    get totals() {
      return counts.totals;
    },
  };
}

type Messages = readonly FeedMessage[];

/** Progress that is being saved, and how many of the taken messages may be acknowledged then. */
interface Saving {
  readonly pass: CheckpointPass;
  readonly count: number;
}

const nameOf = (error: unknown): string =>
  error instanceof Failure ? error.code : error instanceof Error ? error.name : 'unknown';
