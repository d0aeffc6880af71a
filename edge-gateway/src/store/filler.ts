import { toHex } from '@pulseseal/crypto';
import type { Cursor } from '@pulseseal/log';
import { parseFrame } from '@pulseseal/protocol';
import { type Clock, Failure, type Logger, sleep } from '@pulseseal/runtime';
import type { Catalogue } from '../catalogue.ts';
import type { Journal } from '../journal.ts';
import { RECORD } from '../journal-record.ts';
import type { CiphertextStore, StoredRow } from './port.ts';

export interface StoreFiller {
  /** Ends after the batch in hand. */
  stop(): void;
  /** Resolves when everything synced so far is in the store, or the filler was stopped. */
  caughtUp(): Promise<void>;
}

const LOOK_MS = 250;
const RETRY_LEAST_MS = 500;
const RETRY_MOST_MS = 10_000;

/**
 * Copies frames from the journal into a served store, in order, from a durable cursor: an outage of the store costs
 * nothing but time, and frames wait for nobody.
 */
export function createStoreFiller(
  served: { readonly store: CiphertextStore; readonly cursor: Cursor },
  journal: Pick<Journal, 'page' | 'endPosition'>,
  catalogue: Pick<Catalogue, 'deviceByNumber'>,
  wall: Clock,
  logger: Logger,
  passedOver: (rows: number) => void = () => {},
): StoreFiller {
  const { store, cursor } = served;
  const mostBytes = store.mostFrameBytes ?? Number.POSITIVE_INFINITY;
  let isStopped = false;
  let retryMs = RETRY_LEAST_MS;
  let at = cursor.position;

  const passOver = (count: number) => {
    passedOver(count);
    logger.error({ code: 'store-frame-too-long', count }, 'frames stand in the journal alone');
  };
  const step = async (): Promise<boolean> => {
    if (at >= journal.endPosition) return false;
    const page = await journal.page(at);
    const rows: StoredRow[] = [];
    for (const { record, position } of page.records) {
      if (record.kind !== RECORD.frame) continue;
      const device = catalogue.deviceByNumber(record.deviceNumber)?.name;
      if (device === undefined) continue;
      const frame = parseFrame(record.message);
      rows.push({
        device,
        eh: toHex(frame.eh),
        segment: frame.sg,
        seq: frame.seq,
        stream: frame.st,
        arrivedMs: record.arrivedMs,
        frame: record.message,
        position,
      });
    }
    const fitting = rows.filter(({ frame }) => frame.length <= mostBytes);
    if (fitting.length > 0) await store.put(fitting);
    // It would never fit: those behind it do not wait for it, and the embedded store has it.
    if (fitting.length < rows.length) passOver(rows.length - fitting.length);
    at = page.next;
    await cursor.save(at);
    return true;
  };
  const run = async () => {
    while (!isStopped) {
      try {
        const hasMoved = await step();
        retryMs = RETRY_LEAST_MS;
        if (!hasMoved) await sleep(wall, LOOK_MS);
      } catch (error) {
        if (retryMs === RETRY_LEAST_MS)
          logger.warn(
            { code: error instanceof Failure ? error.code : 'unknown' },
            'the served store does not take rows',
          );
        await sleep(wall, retryMs);
        retryMs = Math.min(retryMs * 2, RETRY_MOST_MS);
      }
    }
  };
  void run();
  return {
    stop() {
      isStopped = true;
    },
    async caughtUp() {
      const end = journal.endPosition;
      while (!isStopped && at < end) await sleep(wall, LOOK_MS / 5);
    },
  };
}
