import { equalBytes, fromHex, toHex } from '@pulseseal/crypto';
import { deviceText, type Message, type Open, openHash, parseSigned, Refusal } from '@pulseseal/protocol';
import { type AcceptedEpoch, acceptEpoch, type EpochPapers, missingPaper } from './accept.ts';
import type { Context } from './context.ts';
import { announce } from './describe.ts';
import type { Documents } from './documents.ts';
import { createEpoch, type Epoch, eraseEpoch } from './epoch.ts';
import { type EpochRecord, encodeRecord, parseRecord, recordName } from './epoch-record.ts';
import { createFloor } from './floor.ts';
import { createHighWater, type Standing } from './high-water.ts';
import { learnCard } from './interpret.ts';
import { limits } from './limits.ts';
import { prekeyName } from './recipient-identity.ts';

/** A message whose epoch is not known yet. */
export interface Stranger {
  readonly message: Message;
  readonly ehHex: string;
  readonly arrivedMs: number;
  readonly position: number;
  readonly sinceWallMs: number;
  readonly sizeBytes: number;
}

interface Pending {
  readonly eh: Uint8Array;
  open: { readonly bytes: Uint8Array; readonly body: Open; readonly arrivedMs: number } | undefined;
  wraps: readonly Uint8Array[];
  /** Not empty: the owner granted it as history. */
  grants: readonly Uint8Array[];
  sinceWallMs: number;
  readonly position: number;
  isAsked: boolean;
}

/** Epochs by pseudonym: those accepted, those that wait for papers, and messages that wait for them. */
export interface Epochs {
  find(rid: string, eh: Uint8Array): Epoch | undefined;
  all(): Iterable<Epoch>;
  opening(rid: string, bytes: Uint8Array, arrivedMs: number, position: number): Promise<Epoch | undefined>;
  keys(rid: string, eh: Uint8Array, wraps: readonly Uint8Array[], position: number): Promise<Epoch | undefined>;
  /** History that the owner granted: asks for its papers and takes it when they are there. */
  granted(rid: string, eh: Uint8Array, grants: readonly Uint8Array[]): void;
  isPending(rid: string, eh: Uint8Array): boolean;
  /** Papers came: openings that waited for them are tried again. */
  retry(rid: string): Promise<Epoch[]>;
  /** False: no room, or the epoch was refused. */
  keep(rid: string, stranger: Stranger): boolean;
  /** Messages that waited for this epoch, in the order of the segment's numbers. */
  strangersOf(epoch: Epoch): readonly Stranger[];
  /** Asks for what is missing and refuses what waited too long. */
  tick(): void;
  /** First position that must not be acknowledged yet. */
  readonly barrier: number | undefined;
  /** Epochs of the last run, from their records. */
  resume(): Promise<void>;
  saveRecord(epoch: Epoch): Promise<void>;
}

export function createEpochs(ctx: Context, documents: Documents): Epochs {
  const { ports, crypto, settings } = ctx;
  const highWater = createHighWater(ports.state);
  const floor = createFloor(ctx);
  const accepted = new Map<string, Epoch>();
  const records = new Map<Epoch, EpochRecord>();
  const pendings = new Map<string, Map<string, Pending>>();
  const strangers = new Map<string, { list: Stranger[]; bytes: number; asked: Set<string> }>();
  const refused = new Map<string, number>();

  const nameOf = (rid: string, ehHex: string) => `${rid}/${ehHex}`;
  const forget = (name: string) => {
    refused.set(name, ctx.wallMs());
    if (refused.size > limits.reported) refused.delete(refused.keys().next().value!);
  };
  const pendingOf = (rid: string, eh: Uint8Array, position: number): Pending => {
    let own = pendings.get(rid);
    if (own === undefined) {
      own = new Map();
      pendings.set(rid, own);
    }
    const name = toHex(eh);
    let pending = own.get(name);
    if (pending === undefined) {
      pending = {
        eh: eh.slice(),
        open: undefined,
        wraps: [],
        grants: [],
        sinceWallMs: ctx.wallMs(),
        position,
        isAsked: false,
      };
      own.set(name, pending);
      if (own.size > limits.pendingEpochs) own.delete(own.keys().next().value!);
    }
    return pending;
  };
  const drop = (rid: string, pending: Pending) => pendings.get(rid)?.delete(toHex(pending.eh));
  const papersOf = (
    rid: string,
    open: NonNullable<Pending['open']>,
    { wraps, grants }: Pick<Pending, 'wraps' | 'grants'>,
  ): EpochPapers => ({
    rid: fromHex(rid),
    owner: ports.patients.byRid(rid)!.owner,
    open: open.bytes,
    ...documents.find(rid, open.body),
    wraps,
    grants,
    present: grants.length === 0 ? [] : documents.manifestsOf(rid, open.body.device),
    nowMs: ctx.dataMs(),
  });
  const tryAccept = async (rid: string, pending: Pending): Promise<Epoch | undefined> => {
    const { open } = pending;
    const entry = ports.patients.byRid(rid);
    if (open === undefined || entry === undefined) return undefined;
    const papers = papersOf(rid, open, pending);
    if (missingPaper(papers, open.body, crypto) !== undefined) return undefined;
    drop(rid, pending);
    try {
      return await accept(rid, entry.patient, papers, open.arrivedMs);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      ctx.report(entry.patient, deviceText(open.body.device), error.refusal, 'epoch');
      forget(nameOf(rid, toHex(pending.eh)));
      return undefined;
    }
  };
  const standingOf = async (device: string, result: AcceptedEpoch): Promise<Standing> => {
    const standing = await highWater.standing(device, result.open, result.oh, result.beacon === null);
    if (standing.kind !== 'live' || !standing.isFirst || (await floor.isAbove(result))) return standing;
    ctx.counts.note('below-floor');
    return { kind: 'history' };
  };
  const accept = async (rid: string, patient: string, papers: EpochPapers, arrivedMs: number) => {
    const result = await acceptEpoch(papers, (id) => ports.keys.get(prekeyName(rid, id)), crypto);
    const { open, oh } = result;
    const device = deviceText(open.device);
    const standing = await standingOf(device, result);
    if (standing.kind === 'conflict') return conflict(device, standing.other);
    if (standing.kind === 'known' && !standing.isMark) throw new Refusal('stale-counter');
    const isGranted = result.wrap === null;
    // It was taken as ours when it was the present: nothing new can be in it.
    if (isGranted && standing.kind === 'known') throw new Refusal('stale-counter');
    const history = isGranted || standing.kind === 'history';
    // What was granted comes long after it was measured: only the device itself can say that it had no clock.
    const clockUntrusted = isGranted
      ? open.clock.source === 0
      : Math.abs(arrivedMs - open.clock.t0Ms) > settings.skewMs * settings.speed;
    const record: EpochRecord = {
      rid: papers.rid,
      history,
      clockUntrusted,
      isDisputed: false,
      open: papers.open,
      endorse: papers.endorse!,
      manifest: papers.manifest!,
      beacon: result.beacon === null ? null : papers.beacon!,
      wrap: result.wrap ?? new Uint8Array(0),
      grants: papers.grants,
      cards: new Map(),
    };
    const place = {
      rid: papers.rid,
      patient,
      endorse: record.endorse,
      openBytes: record.open,
      history,
      clockUntrusted,
    };
    const epoch = createEpoch(result, { ...place, wallMs: ctx.wallMs(), defaultFrameBytes: limits.frameBytes }, crypto);
    // Record before mark: a crash between them repeats the opening, it does not lose it.
    await ports.state.save(recordName(rid, epoch.ehHex), encodeRecord(record));
    if (standing.kind !== 'known') await highWater.take(device, { boot: open.boot, epoch: open.epoch, oh }, !history);
    records.set(epoch, record);
    await add(epoch);
    // At once, and again with each card: an edge that keeps a card back must not keep the epoch's streams unknown.
    if (!history && !epoch.isAnnounced) announce(ctx, epoch);
    ctx.counts.note(isGranted ? 'epoch-granted' : history ? 'epoch-history' : 'epoch-live');
    void confirm(epoch, record.manifest);
    return epoch;
  };
  const conflict = async (device: string, other: Uint8Array): Promise<never> => {
    for (const epoch of accepted.values()) {
      if (epoch.device !== device || !equalBytes(epoch.oh, other)) continue;
      epoch.isDisputed = true;
      await saveRecord(epoch);
    }
    ctx.counts.refuse('counter-conflict');
    throw new Refusal('disputed');
  };
  const add = async (epoch: Epoch) => {
    accepted.set(nameOf(epoch.ridHex, epoch.ehHex), epoch);
    if (epoch.scopes.size === 1 && !epoch.isAnnounced) announce(ctx, epoch);
    const kin = [...accepted.values()].filter((e) => e.device === epoch.device && e.history === epoch.history);
    const most = epoch.history ? limits.historyEpochs : limits.liveEpochs;
    for (const old of kin.slice(0, Math.max(0, kin.length - most))) {
      eraseEpoch(old);
      accepted.delete(nameOf(old.ridHex, old.ehHex));
      records.delete(old);
      forget(nameOf(old.ridHex, old.ehHex));
      await ports.state.remove(recordName(old.ridHex, old.ehHex));
    }
  };
  /** Beside the way: a ledger that is away refuses nothing. */
  const confirm = async (epoch: Epoch, manifest: Uint8Array) => {
    const known = await ports.ledger?.manifest(epoch.pseudonym).catch(() => undefined);
    const version = epoch.open.manifestVersion;
    if (known === undefined || known.version < version) return ctx.counts.note('manifest-unconfirmed');
    if (known.version > version) return ctx.counts.note('manifest-stale');
    if (equalBytes(known.hash, crypto.sha256(manifest))) return;
    // The owner signed two manifests of one version: nothing of this epoch can be evidence.
    epoch.isDisputed = true;
    ctx.report(epoch.patient, epoch.device, 'manifest-unknown', 'epoch');
  };
  const saveRecord = async (epoch: Epoch) => {
    const record = records.get(epoch);
    if (record === undefined) return;
    const cards = new Map([...epoch.cards].map(([scope, { bytes }]) => [scope, bytes]));
    const next = { ...record, cards, isDisputed: epoch.isDisputed };
    records.set(epoch, next);
    await ports.state.save(recordName(epoch.ridHex, epoch.ehHex), encodeRecord(next));
  };
  const giveUp = (rid: string, pending: Pending) => {
    drop(rid, pending);
    forget(nameOf(rid, toHex(pending.eh)));
    const entry = ports.patients.byRid(rid);
    const { open } = pending;
    if (open === undefined) return ctx.counts.refuse('unknown-epoch');
    if (entry === undefined) return ctx.counts.refuse('not-listed');
    const name = missingPaper(papersOf(rid, open, pending), open.body, crypto) ?? 'wrap-mismatch';
    ctx.report(entry.patient, deviceText(open.body.device), name, 'epoch');
  };
  return {
    find: (rid, eh) => accepted.get(nameOf(rid, toHex(eh))),
    all: () => accepted.values(),
    async opening(rid, bytes, arrivedMs, position) {
      const { body } = parseSigned(bytes, 'open');
      const eh = openHash(bytes, crypto).subarray(0, 8);
      if (accepted.has(nameOf(rid, toHex(eh)))) {
        ctx.counts.duplicate();
        return undefined;
      }
      if (ports.patients.byRid(rid) === undefined) throw new Refusal('not-listed');
      refused.delete(nameOf(rid, toHex(eh)));
      const pending = pendingOf(rid, eh, position);
      pending.open ??= { bytes: bytes.slice(), body, arrivedMs };
      return tryAccept(rid, pending);
    },
    async keys(rid, eh, wraps, position) {
      const name = nameOf(rid, toHex(eh));
      if (accepted.has(name) || refused.has(name)) return undefined;
      const pending = pendingOf(rid, eh, position);
      // Several wraps may wait: only the one that the open names opens anything.
      pending.wraps = [...pending.wraps, ...wraps.map((wrap) => wrap.slice())].slice(-limits.documents);
      return tryAccept(rid, pending);
    },
    granted(rid, eh, grants) {
      // It holds no position of the feed back: the grant itself is kept.
      const pending = pendingOf(rid, eh, Number.MAX_SAFE_INTEGER);
      refused.delete(nameOf(rid, toHex(eh)));
      pending.grants = grants;
      pending.sinceWallMs = ctx.wallMs();
      pending.isAsked = ctx.asks.ask(rid, { eh: pending.eh, want: 4, sg: null, ranges: [] });
    },
    isPending: (rid, eh) => pendings.get(rid)?.has(toHex(eh)) === true,
    async retry(rid) {
      const out: Epoch[] = [];
      for (const pending of [...(pendings.get(rid)?.values() ?? [])]) {
        const epoch = await tryAccept(rid, pending);
        if (epoch !== undefined) out.push(epoch);
      }
      return out;
    },
    keep(rid, stranger) {
      if (refused.has(nameOf(rid, stranger.ehHex))) return false;
      let own = strangers.get(rid);
      if (own === undefined) {
        own = { list: [], bytes: 0, asked: new Set() };
        strangers.set(rid, own);
      }
      if (own.list.length >= limits.heldFrames || own.bytes + stranger.sizeBytes > limits.heldBytes) return false;
      own.list.push(stranger);
      own.bytes += stranger.sizeBytes;
      return true;
    },
    strangersOf(epoch) {
      const own = strangers.get(epoch.ridHex);
      if (own === undefined) return [];
      const mine = own.list.filter((stranger) => stranger.ehHex === epoch.ehHex);
      own.list = own.list.filter((stranger) => stranger.ehHex !== epoch.ehHex);
      own.bytes = own.list.reduce((sum, stranger) => sum + stranger.sizeBytes, 0);
      if (own.list.length === 0) strangers.delete(epoch.ridHex);
      return mine;
    },
    tick() {
      const nowMs = ctx.wallMs();
      for (const [rid, own] of pendings) {
        for (const pending of [...own.values()]) {
          const forMs = nowMs - pending.sinceWallMs;
          if (forMs >= settings.settleMs) giveUp(rid, pending);
          else if (forMs >= settings.askAfterMs && !pending.isAsked)
            pending.isAsked = ctx.asks.ask(rid, { eh: pending.eh, want: 4, sg: null, ranges: [] });
        }
        if (own.size === 0) pendings.delete(rid);
      }
      for (const [rid, own] of strangers) {
        for (const { ehHex, sinceWallMs } of own.list) {
          if (nowMs - sinceWallMs < settings.askAfterMs || own.asked.has(ehHex)) continue;
          own.asked.add(ehHex);
          ctx.asks.ask(rid, { eh: fromHex(ehHex), want: 4, sg: null, ranges: [] });
        }
        // Twice the time of an opening: the answer to the question comes first.
        const kept = own.list.filter((stranger) => nowMs - stranger.sinceWallMs < settings.settleMs * 2);
        for (let i = kept.length; i < own.list.length; i++) ctx.counts.refuse('unknown-epoch');
        own.list = kept;
        own.bytes = kept.reduce((sum, stranger) => sum + stranger.sizeBytes, 0);
        if (kept.length === 0) strangers.delete(rid);
      }
    },
    get barrier() {
      let least: number | undefined;
      const note = (position: number) => {
        least = least === undefined ? position : Math.min(least, position);
      };
      for (const own of pendings.values()) for (const { position } of own.values()) note(position);
      for (const own of strangers.values()) for (const { position } of own.list) note(position);
      for (const epoch of accepted.values()) for (const { position } of epoch.held.values()) note(position);
      return least;
    },
    async resume() {
      const names = await ports.state.list('epoch.');
      const found: { record: EpochRecord; open: Open }[] = [];
      for (const name of names) {
        const bytes = await ports.state.load(name);
        if (bytes === undefined) continue;
        const record = parseRecord(bytes);
        found.push({ record, open: parseSigned(record.open, 'open').body });
      }
      // Oldest first, so that a bound takes the oldest.
      found.sort((a, b) => a.open.boot - b.open.boot || a.open.epoch - b.open.epoch);
      // Papers of all of them first: what was granted rests on the newest manifest.
      for (const { record } of found) await resumePapers(record);
      for (const { record, open } of found) await resumeOne(record, open);
    },
    saveRecord,
  };

  async function resumePapers({ rid: own, endorse, manifest, beacon }: EpochRecord): Promise<void> {
    const rid = toHex(own);
    const entry = ports.patients.byRid(rid);
    if (entry === undefined) return;
    await documents.addEndorse(rid, parseSigned(endorse, 'endorse'), entry.owner, ctx.dataMs()).catch(() => {});
    documents.add(rid, parseSigned(manifest, 'manifest'));
    if (beacon !== null) documents.add(rid, parseSigned(beacon, 'beacon'));
  }

  async function resumeOne(record: EpochRecord, open: Open): Promise<void> {
    const rid = toHex(record.rid);
    const entry = ports.patients.byRid(rid);
    if (entry === undefined) return;
    const { history, clockUntrusted, endorse, beacon } = record;
    const papers: EpochPapers = {
      ...record,
      beacon: beacon ?? undefined,
      owner: entry.owner,
      wraps: [record.wrap],
      present: documents.manifestsOf(rid, open.device),
      nowMs: ctx.dataMs(),
    };
    try {
      const result = await acceptEpoch(papers, (id) => ports.keys.get(prekeyName(rid, id)), crypto);
      const device = deviceText(open.device);
      const standing = await highWater.standing(device, open, result.oh, beacon === null);
      if (standing.kind === 'live' || standing.kind === 'history')
        await highWater.take(device, { boot: open.boot, epoch: open.epoch, oh: result.oh }, !history);
      const { patient } = entry;
      const place = { rid: record.rid, patient, endorse, openBytes: record.open, history, clockUntrusted };
      const epoch = createEpoch(
        result,
        { ...place, wallMs: ctx.wallMs(), defaultFrameBytes: limits.frameBytes },
        crypto,
      );
      epoch.isDisputed = record.isDisputed;
      records.set(epoch, record);
      await add(epoch);
      for (const [scope, card] of record.cards) learnCard(ctx, epoch, scope, card);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      ctx.report(entry.patient, deviceText(open.device), error.refusal, 'epoch');
    }
  }
}
