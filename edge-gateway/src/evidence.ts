import type { CryptoProvider } from '@pulseseal/crypto';
import type { Ledger } from '@pulseseal/ledger';
import { ledgerCalls, submitCall } from '@pulseseal/ledger';
import { encodeReceipt, logId, type MessageSigner, receiptMessageHead, signBody, signRoot } from '@pulseseal/protocol';
import { type Clock, Failure, type Logger } from '@pulseseal/runtime';
import type { Catalogue, EpochRow } from './catalogue.ts';
import { gatewayFailure } from './failures.ts';
import type { Forwarder } from './forward.ts';
import type { Identity } from './identity.ts';
import type { Instruments } from './instruments.ts';
import { type Journal, readUndamaged } from './journal.ts';
import { RECORD, uint64 } from './journal-record.ts';
import type { Projection } from './projection.ts';
import type { GatewaySettings } from './settings.ts';
import { standingOf } from './standing.ts';

/** Tree heads, receipts and anchors: beside the way, never in it. */
export interface EvidenceLog {
  start(): void;
  /** Signs and anchors what is left, as far as the ledger answers within the time. */
  finish(timeoutMs: number): Promise<void>;
  /** Called after commits: signs when 1,024 entries wait. */
  grown(): void;
  /** Receipt of one entry under the newest head, or undefined while no head covers it. */
  receipt(entry: number): Uint8Array | undefined;
  stop(): void;
}

export interface EvidencePorts {
  readonly crypto: CryptoProvider;
  readonly wall: Clock;
  readonly journal: Journal;
  readonly catalogue: Catalogue;
  readonly projection: Projection;
  readonly ledger: Ledger;
  readonly forward: Forwarder;
  readonly instruments: Instruments;
  readonly logger: Logger;
  /** Who may read the epoch: rids. */
  readonly readers: (epoch: EpochRow) => Promise<readonly string[]>;
}

/** Entries that one batch of receipts names: a start after a long outage must not hold them all. */
const RECEIPTS_AT_ONCE = 4_096;
const RETRY_LEAST_MS = 500;
const RETRY_MOST_MS = 15_000;

export function createEvidenceLog(ports: EvidencePorts, identity: Identity, settings: GatewaySettings): EvidenceLog {
  const { crypto, wall, journal, catalogue, projection, ledger, forward, instruments, logger, readers } = ports;
  const signer: MessageSigner = identity.signer;
  const id = logId(identity.thumbprint, settings.tenant, crypto);
  let rootSignature: { readonly size: number; readonly bytes: Uint8Array } | undefined;
  let signing: Promise<void> | undefined;
  let anchoring: Promise<void> | undefined;
  let retryMs = RETRY_LEAST_MS;
  let isStopped = false;
  let standing: 'unknown' | 'same' | 'behind' = 'unknown';
  let comparing: Promise<boolean> | undefined;
  let cancelTimer = () => {};
  let cancelRetry = () => {};
  const batchReaders = new Map<number, Set<string>>();

  const signatureOf = (size: number): Uint8Array => {
    if (rootSignature?.size !== size)
      rootSignature = { size, bytes: signRoot(projection.tree.root(size), signer, size) };
    return rootSignature.bytes;
  };
  const receiptOf = (entry: number, size: number): Uint8Array =>
    encodeReceipt(
      identity.thumbprint,
      { size, index: entry, path: projection.tree.inclusion(entry, size) },
      signatureOf(size),
    );
  /** Before the first head of a start: a folder restored from an older copy must not sign a second history. */
  const mayGoOn = async (): Promise<boolean> => {
    if (standing !== 'unknown') return standing === 'same';
    comparing ??= compare().finally(() => {
      comparing = undefined;
    });
    return comparing;
  };
  const compare = async (): Promise<boolean> => {
    const log = { id, gateway: identity.thumbprint, tree: projection.tree, catalogue, journal };
    const found = await standingOf(ledger, log);
    if (found.kind === 'adopt') await adopt(found.sth, found.size);
    standing = found.kind === 'behind' ? 'behind' : 'same';
    if (found.kind !== 'behind') return true;
    const { code, message } = gatewayFailure(
      'log-rolled-back',
      `entries ${found.size}, anchored ${found.anchoredSize}`,
    );
    instruments.alarms.add(1, code);
    instruments.logRolledBack.set(1);
    logger.error({ code, entries: found.size, anchored: found.anchoredSize }, message);
    return false;
  };
  /** A head that the ledger took and this folder does not hold, over the same entries: the next one must name it. */
  const adopt = async (sth: Uint8Array, size: number) => {
    await journal.put(RECORD.sth, 0, 0, wall.nowMs(), sth, (position) => projection.sth(sth, position));
    await journal.put(RECORD.anchored, 0, 0, wall.nowMs(), uint64(size), () => catalogue.setAnchored(size));
  };
  const sign = async () => {
    if (!(await mayGoOn())) return;
    const size = catalogue.entryCount;
    const last = catalogue.lastSth();
    if (size === 0 || size === last?.size) return;
    const from = last?.size ?? 0;
    const span = await arrivalSpan(from, size);
    const message = signBody(
      'sth',
      {
        gateway: identity.thumbprint,
        logId: id,
        size,
        root: projection.tree.root(size),
        batch: (last?.batch ?? -1) + 1,
        previous: last?.hash ?? null,
        firstArrivalMs: span.firstMs,
        lastArrivalMs: span.lastMs,
      },
      signer,
    );
    await journal.put(RECORD.sth, 0, 0, wall.nowMs(), message, (position) => projection.sth(message, position));
    await sendReceipts(from, size);
    instruments.unanchoredEntries.set(size - catalogue.anchoredSize);
  };
  const arrivalSpan = async (from: number, size: number) => {
    const ends = [catalogue.entryPosition(from)!, catalogue.entryPosition(size - 1)!];
    const records = await Promise.all(ends.map((position) => readUndamaged(journal, position)));
    const [firstMs, lastMs] = records.map((record) => record?.arrivedMs);
    // A spoiled record tells no time: the other end's, or the time of signing.
    const times = [firstMs ?? lastMs ?? wall.nowMs(), lastMs ?? firstMs ?? wall.nowMs()];
    return { firstMs: Math.min(...times), lastMs: Math.max(...times) };
  };
  const sendReceipts = async (from: number, size: number) => {
    const rids = new Set<string>();
    const nowMs = wall.nowMs();
    // Most entries of a batch are closes of a few epochs: each epoch is looked up once.
    const epochs = new Map<number, { readonly eh: Uint8Array; readonly readers: readonly string[] }>();
    const epochOf = async (id: number) => {
      const found = catalogue.epochById(id);
      if (found === undefined) return undefined;
      // An opening that the disk has spoiled names nobody; the readers of all others get their receipts.
      const made = { eh: found.eh, readers: await readers(found).catch((): string[] => []) };
      epochs.set(id, made);
      return made;
    };
    const signature = signatureOf(size);
    for (const { entry, epochId, segment } of catalogue.entries(Math.max(from, size - RECEIPTS_AT_ONCE), size)) {
      const epoch = epochs.get(epochId) ?? (await epochOf(epochId));
      if (epoch === undefined || epoch.readers.length === 0) continue;
      const inclusion = { size, index: entry, path: projection.tree.inclusion(entry, size) };
      const message = receiptMessageHead(epoch.eh, segment, identity.thumbprint, inclusion, signature.length);
      for (const rid of epoch.readers) {
        rids.add(rid);
        forward.one(rid, 'p', message, nowMs, signature);
      }
    }
    batchReaders.set(size, rids);
    forward.flush();
  };
  /** Heads go to the ledger in order, each exactly once: field 7 must match the head it holds. */
  const anchorNext = async (): Promise<boolean> => {
    if (!(await mayGoOn())) return false;
    const head = catalogue.firstUnanchored();
    if (head === undefined) return false;
    const oldSize = catalogue.anchoredSize;
    const { message } = await journal.read(head.position);
    const path = projection.tree.consistency(oldSize, head.size);
    await submitCall(ledger, ledgerCalls.anchorTreeHead(message, { oldSize, newSize: head.size, path }));
    await journal.put(RECORD.anchored, 0, 0, wall.nowMs(), uint64(head.size), () => catalogue.setAnchored(head.size));
    instruments.anchors.add();
    instruments.unanchoredEntries.set(catalogue.entryCount - head.size);
    for (const rid of batchReaders.get(head.size) ?? []) forward.one(rid, 'p', message, wall.nowMs());
    batchReaders.delete(head.size);
    forward.flush();
    return true;
  };
  const anchor = (): Promise<void> => {
    anchoring ??= (async () => {
      try {
        while (!isStopped && (await anchorNext()));
        retryMs = RETRY_LEAST_MS;
      } catch (error) {
        instruments.anchorFailures.add();
        const code = error instanceof Failure ? error.code : 'unknown';
        if (retryMs === RETRY_LEAST_MS) logger.warn({ code }, 'a tree head waits for the ledger');
        cancelRetry();
        cancelRetry = wall.after(retryMs, () => void anchor());
        retryMs = Math.min(retryMs * 2, RETRY_MOST_MS);
      } finally {
        anchoring = undefined;
      }
    })();
    return anchoring;
  };
  const due = (): Promise<void> => {
    signing ??= sign()
      .then(() => void anchor())
      .catch((error: unknown) => logger.warn({ reason: nameOf(error) }, 'no tree head was signed'))
      .finally(() => {
        signing = undefined;
      });
    return signing;
  };
  return {
    start() {
      cancelTimer = wall.every(settings.anchorPeriodMs, () => void due());
      void anchor();
    },
    grown() {
      if (signing !== undefined) return;
      if (catalogue.entryCount - (catalogue.lastSth()?.size ?? 0) >= settings.anchorEntries) void due();
    },
    async finish(timeoutMs) {
      const endMs = wall.monotonicMs() + timeoutMs;
      await signing;
      await due();
      while (catalogue.firstUnanchored() !== undefined && wall.monotonicMs() < endMs) {
        await Promise.race([anchor(), new Promise<void>((resolve) => wall.after(timeoutMs, resolve))]);
        if (catalogue.firstUnanchored() !== undefined) await new Promise<void>((resolve) => setTimeout(resolve, 100));
      }
    },
    receipt(entry) {
      const head = catalogue.lastSth();
      return head === undefined || entry >= head.size ? undefined : receiptOf(entry, head.size);
    },
    stop() {
      isStopped = true;
      cancelTimer();
      cancelRetry();
    },
  };
}

const nameOf = (error: unknown): string => (error instanceof Failure ? error.code : (error as Error).name);
