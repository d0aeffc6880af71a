import { parsePlaces } from '@pulseseal/chaincode';
import type { CryptoProvider } from '@pulseseal/crypto';
import { type CoseKey, inclusionPath } from '@pulseseal/protocol';
import { MAX_PAGE_EVENTS } from '../limits.ts';
import type { Anchor, EventPage, LedgerEvent } from '../port.ts';
import { type BlockRecord, transactionLeaves } from './block-record.ts';

/** The evidence of one AnchorTreeHead transaction of a block. */
export function anchorOf(record: BlockRecord, index: number, signer: CoseKey, crypto: CryptoProvider): Anchor {
  const tx = record.transactions[index]!;
  const [sth, consistency] = parsePlaces(tx, 'AnchorTreeHead', (f) => {
    f.text();
    return f.byteStrings();
  });
  const leaves = transactionLeaves(record.transactions, crypto);
  const inclusion = { size: leaves.length, index, path: inclusionPath(leaves, index, crypto) };
  return { sth: sth!, consistency: consistency!, tx, blocks: [record.block], inclusion, signers: [signer] };
}

export interface EventSource {
  page(fromHeight: number, signal: AbortSignal): Promise<EventPage>;
  follow(fromHeight: number, signal: AbortSignal): AsyncGenerator<LedgerEvent>;
  /** A block was added. */
  wake(): void;
  /** Ends all waiting. */
  close(): void;
}

/** Events come from the stored blocks, never from a queue: a slow reader costs nothing and loses nothing. */
export function createEventSource(
  height: () => number,
  readBlock: (height: number) => Promise<BlockRecord | undefined>,
): EventSource {
  const sleepers = new Set<() => void>();
  let isClosed = false;
  const wake = () => {
    for (const sleeper of [...sleepers]) sleeper();
  };
  const nextBlock = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      const done = () => {
        sleepers.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      sleepers.add(done);
      signal.addEventListener('abort', done);
    });

  const page = async (fromHeight: number, signal: AbortSignal): Promise<EventPage> => {
    const events: LedgerEvent[] = [];
    let next = fromHeight;
    while (events.length < MAX_PAGE_EVENTS) {
      if (next < height()) events.push(...eventsOf((await readBlock(next))!, next++));
      else if (events.length > 0 || signal.aborted || isClosed) break;
      else await nextBlock(signal);
    }
    return { events, nextHeight: next };
  };

  async function* follow(fromHeight: number, signal: AbortSignal): AsyncGenerator<LedgerEvent> {
    let next = fromHeight;
    while (!signal.aborted && !isClosed) {
      const { events, nextHeight } = await page(next, signal);
      for (const event of events) {
        if (signal.aborted) return;
        yield event;
      }
      next = nextHeight;
    }
  }

  return {
    page,
    follow,
    wake,
    close() {
      isClosed = true;
      wake();
    },
  };
}

function eventsOf(record: BlockRecord, height: number): LedgerEvent[] {
  return record.effects.flatMap((effects, index) =>
    effects.events.map(({ name, payload }) => ({ height, index, name, payload })),
  );
}
