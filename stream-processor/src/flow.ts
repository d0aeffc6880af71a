import { toHex } from '@pulseseal/crypto';
import { type Message, Refusal } from '@pulseseal/protocol';
import { Failure } from '@pulseseal/runtime';
import { createAnchorWatch } from './anchors.ts';
import { beginCheckpoint, type CheckpointPass, parseCheckpoint } from './checkpoint.ts';
import { askForFirsts } from './closes.ts';
import type { Context } from './context.ts';
import { createDocuments } from './documents.ts';
import type { Epoch } from './epoch.ts';
import { createEpochs } from './epochs.ts';
import { takeFrame } from './frames.ts';
import { createGrantedHistory } from './granted-history.ts';
import { createLinkMemory, takeEdge, takeGaps } from './hints.ts';
import { type Received, readInbox } from './inbox.ts';
import type { FeedMessage } from './ports.ts';
import { dueRack } from './racks.ts';
import { takeClose, takeLeaves, takeReceipt } from './segments.ts';
import { watchEpoch } from './watch.ts';

const CHECKPOINT = 'checkpoint';

/** The steps of the opening, in order. One call at a time; facts collect in the context. */
export interface Flow {
  /** Epochs and progress of the last run. */
  resume(): Promise<void>;
  take(messages: readonly FeedMessage[]): Promise<void>;
  /** What time alone brings. */
  tick(): Promise<void>;
  /** Racks and asks that are due, for the edge. */
  outgoing(): readonly { readonly rid: string; readonly message: Uint8Array }[];
  /** Asks the ledger; the answer is applied by a later call of `applyAnchors`. */
  askLedger(): Promise<void>;
  applyAnchors(): void;
  /** Progress, to be encoded between turns; once it is saved, what was taken before it began may be acknowledged. */
  beginCheckpoint(): CheckpointPass;
  saveCheckpoint(pass: CheckpointPass): Promise<void>;
  /** Both at once. */
  checkpoint(): Promise<void>;
  readonly barrier: number | undefined;
  readonly epochs: Iterable<Epoch>;
}

export function createFlow(ctx: Context): Flow {
  const { ports, crypto } = ctx;
  const documents = createDocuments(crypto);
  const epochs = createEpochs(ctx, documents);
  const granted = createGrantedHistory(ctx, epochs);
  const links = createLinkMemory();
  const anchors = createAnchorWatch(ctx, () => epochs.all());
  let answers: Awaited<ReturnType<typeof anchors.ask>>;
  const cardsSaved = new WeakMap<Epoch, number>();
  /** Epochs that messages came for since their cards were looked at. */
  const touched = new Set<Epoch>();

  const takeOne = async (one: Received): Promise<void> => {
    const { message, rid, arrivedMs, position } = one;
    if (message.kind === 'signed' && message.typ !== 'close') return takePaper(rid, message);
    if (message.kind === 'opening') return begin(await epochs.opening(rid, message.open, arrivedMs, position));
    if (message.kind === 'keys') return begin(await epochs.keys(rid, message.eh, message.wraps, position));
    if (message.kind === 'grant') return granted.take(rid, message);
    if (message.kind === 'edge') return takeEdge(ctx, links, message, arrivedMs, (eh) => epochs.find(rid, eh));
    const eh = epochOf(message);
    if (eh === undefined) return;
    const epoch = epochs.find(rid, eh);
    if (epoch !== undefined) return takeForEpoch(epoch, one.message, arrivedMs, position);
    // Hints and receipts come again; frames and closes wait for their opening.
    const waits = message.kind === 'frame' || message.kind === 'signed' || message.kind === 'leaves';
    const { sizeBytes } = one;
    const stranger = { message, ehHex: toHex(eh), arrivedMs, position, sinceWallMs: ctx.wallMs(), sizeBytes };
    if (!waits || !epochs.keep(rid, stranger)) ctx.counts.refuse('unknown-epoch');
  };
  const takePaper = async (rid: string, message: Extract<Message, { kind: 'signed' }>): Promise<void> => {
    const entry = ports.patients.byRid(rid);
    if (entry === undefined) return ctx.counts.refuse('not-listed');
    if (message.typ === 'endorse') await documents.addEndorse(rid, message, entry.owner, ctx.dataMs());
    else if (message.typ === 'manifest' || message.typ === 'beacon') documents.add(rid, message);
    else return ctx.counts.note('other-message');
    for (const epoch of await epochs.retry(rid)) await begin(epoch);
  };
  const begin = async (epoch: Epoch | undefined): Promise<void> => {
    if (epoch === undefined) return;
    for (const { message, arrivedMs, position } of epochs.strangersOf(epoch))
      await takeForEpoch(epoch, message, arrivedMs, position);
  };
  const takeForEpoch = async (epoch: Epoch, message: Message, arrivedMs: number, position: number): Promise<void> => {
    touched.add(epoch);
    if (message.kind === 'frame') takeFrame(ctx, epoch, message, arrivedMs, position);
    else if (message.kind === 'signed' && message.typ === 'close') await takeClose(ctx, epoch, message);
    else if (message.kind === 'leaves') await takeLeaves(ctx, epoch, message);
    else if (message.kind === 'receipt') await takeReceipt(ctx, epoch, message);
    else if (message.kind === 'gaps') takeGaps(ctx, epoch, message);
  };
  const saveCheckpoint = (pass: CheckpointPass) => ports.state.save(CHECKPOINT, pass.finish());
  const resumeProgress = (bytes: Uint8Array) => {
    try {
      const progress = parseCheckpoint(bytes, ctx.wallMs(), crypto);
      for (const epoch of epochs.all()) {
        progress.get(`${epoch.ridHex}/${epoch.ehHex}`)?.apply(epoch);
        askForFirsts(ctx, epoch);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      // Epochs go on from their papers: their closes are asked for from the first, and what was told keeps its grade.
      ctx.counts.note('checkpoint-unread');
      ports.logger.error({ code: error.refusal }, 'saved progress is of another version or damaged; it begins anew');
    }
  };
  return {
    async resume() {
      await epochs.resume();
      await granted.resume();
      const bytes = await ports.state.load(CHECKPOINT);
      if (bytes !== undefined) resumeProgress(bytes);
    },
    async take(messages) {
      for (const one of readInbox(messages, ctx.counts)) {
        try {
          await takeOne(one);
        } catch (error) {
          if (error instanceof Refusal) ctx.counts.refuse(error.refusal);
          else if (error instanceof Failure) throw error;
          else {
            // One message that meets a fault of ours must not stop those behind it.
            ctx.counts.note('internal-error');
            ports.logger.error({ code: error instanceof Error ? error.name : 'unknown' }, 'a message met a fault');
          }
        }
      }
      // A card comes once in ten segments: a restart must find it again.
      for (const epoch of touched) {
        if (epoch.cards.size !== (cardsSaved.get(epoch) ?? 0)) {
          await epochs.saveRecord(epoch);
          cardsSaved.set(epoch, epoch.cards.size);
        }
        touched.delete(epoch);
      }
    },
    async tick() {
      epochs.tick();
      await granted.tick();
      for (const epoch of epochs.all()) watchEpoch(ctx, epoch);
    },
    outgoing() {
      const out = ctx.asks.due(ctx.wallMs());
      for (let i = 0; i < out.length; i++) ctx.counts.note('asked');
      for (const epoch of epochs.all()) {
        const rack = dueRack(ctx, epoch);
        if (rack !== undefined) out.push({ rid: epoch.ridHex, message: rack });
      }
      return out;
    },
    async askLedger() {
      answers = (await anchors.ask()) ?? answers;
    },
    applyAnchors() {
      if (answers !== undefined) anchors.apply(answers);
      answers = undefined;
    },
    beginCheckpoint: () => beginCheckpoint(epochs.all()),
    saveCheckpoint,
    checkpoint() {
      const pass = beginCheckpoint(epochs.all());
      pass.advance(Number.POSITIVE_INFINITY);
      return saveCheckpoint(pass);
    },
    get barrier() {
      return epochs.barrier;
    },
    get epochs() {
      return epochs.all();
    },
  };
}

function epochOf(message: Message): Uint8Array | undefined {
  switch (message.kind) {
    case 'frame':
    case 'leaves':
    case 'receipt':
    case 'gaps':
      return message.eh;
    case 'signed':
      return message.typ === 'close' ? message.body.oh.subarray(0, 8) : undefined;
    default:
      return undefined;
  }
}
