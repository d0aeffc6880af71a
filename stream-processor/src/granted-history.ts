import { equalBytes, fromHex, toHex } from '@pulseseal/crypto';
import { encodeItem, type Grant, LIMITS, parseWhole, Refusal } from '@pulseseal/protocol';
import type { Context } from './context.ts';
import type { Epoch } from './epoch.ts';
import type { Epochs } from './epochs.ts';
import { limits } from './limits.ts';
import { sealIfWhole } from './segments.ts';

/**
 * History that an owner grants: releases are kept until their epoch is fetched, one epoch of a pseudonym after another and
 * no faster than asks may go, segment by segment: close, frames, leaves. What it brings is history, it never rings.
 */
export interface GrantedHistory {
  resume(): Promise<void>;
  /** Durable when it resolves. @throws Refusal not-listed, rate */
  take(rid: string, grant: Grant): Promise<void>;
  tick(): Promise<void>;
}

interface Job {
  readonly rid: string;
  readonly ehHex: string;
  /** Releases of all its scopes come one after another. */
  notBeforeMs: number;
  offers: number;
  segment: number;
  step: 'close' | 'frames' | 'leaves' | 'tail';
  asks: number;
  askedMs: number;
}

const OFFER_AGAIN_MS = 60_000;
const MOST_OFFERS = 10;
const ASK_AGAIN_MS = 10_000;
const MOST_ASKS = 3;

const nameOf = (rid: string, ehHex: string): string => `grant.${rid}.${ehHex}`;
const form = /^grant\.([0-9a-f]{16})\.([0-9a-f]{16})$/;

export function createGrantedHistory(ctx: Context, epochs: Epochs): GrantedHistory {
  const { state, patients } = ctx.ports;
  const queues = new Map<string, Job[]>();
  let waiting = 0;

  const findJob = (rid: string, ehHex: string) => queues.get(rid)?.find((job) => job.ehHex === ehHex);
  const enqueue = (rid: string, ehHex: string, notBeforeMs: number): Job => {
    const asked = { asks: 0, askedMs: Number.NEGATIVE_INFINITY };
    const job: Job = { rid, ehHex, notBeforeMs, offers: 0, segment: 0, step: 'close', ...asked };
    const queue = queues.get(rid) ?? [];
    queue.push(job);
    queues.set(rid, queue);
    waiting++;
    return job;
  };
  const finish = async (job: Job) => {
    const queue = queues.get(job.rid)!;
    queue.splice(queue.indexOf(job), 1);
    if (queue.length === 0) queues.delete(job.rid);
    waiting--;
    await state.remove(nameOf(job.rid, job.ehHex));
  };
  const wrapsOf = async (rid: string, ehHex: string): Promise<readonly Uint8Array[]> => {
    const bytes = await state.load(nameOf(rid, ehHex));
    if (bytes === undefined) return [];
    return parseWhole(bytes, bytes.length, (r) => r.list(LIMITS.scopes, 0, () => r.byteString().slice()));
  };
  /** Asks for the epoch's papers; the releases are checked when those are there. */
  const offer = async (job: Job, nowMs: number) => {
    if (nowMs < job.notBeforeMs || epochs.isPending(job.rid, fromHex(job.ehHex))) return;
    if (job.offers++ >= MOST_OFFERS) return finish(job);
    job.notBeforeMs = nowMs + OFFER_AGAIN_MS;
    const wraps = await wrapsOf(job.rid, job.ehHex);
    if (wraps.length === 0) return finish(job);
    epochs.granted(job.rid, fromHex(job.ehHex), wraps);
    // The others go on while this one waits.
    const queue = queues.get(job.rid)!;
    queue.push(...queue.splice(queue.indexOf(job), 1));
  };
  const move = (job: Job, step: Job['step'], segment = job.segment) => {
    Object.assign(job, { step, segment, asks: 0, askedMs: Number.NEGATIVE_INFINITY });
  };
  /** False: asked often enough. */
  const ask = (job: Job, epoch: Epoch, nowMs: number, want: 1 | 2 | 3, first = 0, count = 0): boolean => {
    if (nowMs - job.askedMs < ASK_AGAIN_MS) return true;
    if (job.asks >= MOST_ASKS) return false;
    const ranges = count === 0 ? [] : [{ first, count }];
    if (!ctx.asks.ask(job.rid, { eh: epoch.eh, want, sg: job.segment, ranges })) return true;
    job.asks++;
    job.askedMs = nowMs;
    return true;
  };
  const fetch = async (job: Job, epoch: Epoch, nowMs: number): Promise<void> => {
    const segment = epoch.segments.get(job.segment);
    const close = segment?.close;
    if (job.step === 'tail') {
      if (job.asks > 0 && nowMs - job.askedMs >= ASK_AGAIN_MS) return finish(job);
      ask(job, epoch, nowMs, 2, epoch.nextClose.firstSeq, LIMITS.segmentFrames);
    } else if (job.step === 'close') {
      if (close !== undefined) move(job, 'frames');
      else if (epoch.nextClose.segment > job.segment) move(job, 'close', job.segment + 1);
      else if (!ask(job, epoch, nowMs, 3)) move(job, 'tail');
    } else if (segment === undefined || close === undefined) move(job, 'close', job.segment + 1);
    else if (job.step === 'frames') {
      const last = close.firstSeq + close.count - 1;
      const isWhole = epoch.received.countBetween(close.firstSeq, last) === close.count;
      // A reader of some scopes cannot count: it has what came for one question.
      const isAnswered = !epoch.seesAll && job.asks > 0 && nowMs - job.askedMs >= ctx.settings.gapSettleMs;
      if (isWhole || isAnswered || !ask(job, epoch, nowMs, 2, close.firstSeq, close.count)) move(job, 'leaves');
    } else {
      sealIfWhole(ctx, epoch, segment);
      if (segment.state === 'open' && ask(job, epoch, nowMs, 1)) return;
      if (close.isLast) return finish(job);
      move(job, 'close', job.segment + 1);
    }
  };
  return {
    async resume() {
      for (const name of await state.list('grant.')) {
        const match = form.exec(name);
        if (match !== null) enqueue(match[1]!, match[2]!, 0);
      }
    },
    async take(rid, { eh, wrap }) {
      if (patients.byRid(rid) === undefined) throw new Refusal('not-listed');
      const ehHex = toHex(eh);
      const known = await wrapsOf(rid, ehHex);
      // An epoch that is here has its keys already.
      if (epochs.find(rid, eh) !== undefined || known.some((one) => equalBytes(one, wrap)))
        return ctx.counts.duplicate();
      if (known.length >= LIMITS.scopes || waiting >= limits.waitingGrants) throw new Refusal('rate');
      await state.save(nameOf(rid, ehHex), encodeItem([...known, wrap]));
      const job = findJob(rid, ehHex) ?? enqueue(rid, ehHex, 0);
      job.notBeforeMs = ctx.wallMs() + ctx.settings.askAfterMs;
    },
    async tick() {
      const nowMs = ctx.wallMs();
      for (const queue of [...queues.values()]) {
        const open = queue.find((job) => epochs.find(job.rid, fromHex(job.ehHex)) !== undefined);
        const job = open ?? queue[0]!;
        const epoch = epochs.find(job.rid, fromHex(job.ehHex));
        if (epoch === undefined) await offer(job, nowMs);
        else if (epoch.isGranted) await fetch(job, epoch, nowMs);
        // It came to us by the device itself.
        else await finish(job);
      }
    },
  };
}
