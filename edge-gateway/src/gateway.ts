import { toHex } from '@pulseseal/crypto';
import { createDisputeReporter } from '@pulseseal/ledger';
import type { Damage } from '@pulseseal/log';
import { type CoseKey, encodeEdge, parsePlain, parseSigned, refuse, topic } from '@pulseseal/protocol';
import { maySubscribe } from './access.ts';
import { accountOf, type EpochAccount } from './account.ts';
import { createEmbeddedStore } from './adapters/store-embedded.ts';
import { createAddresses } from './addresses.ts';
import { createBans } from './bans.ts';
import { createBeacons } from './beacons.ts';
import type { Border } from './border.ts';
import { createBucket } from './buckets.ts';
import { watchClock } from './clock-watch.ts';
import { createControl } from './control.ts';
import { createDeviceKeys } from './device-keys.ts';
import { createDevices, isByOwner, viewOf } from './devices.ts';
import { disputeEvidence } from './disputes.ts';
import { createEdgeBook } from './edge-book.ts';
import { findEpoch, loadEpoch, readRest } from './epochs.ts';
import { createEvidenceLog } from './evidence.ts';
import { gatewayFailure } from './failures.ts';
import { createFlow } from './flow.ts';
import { createForwarder } from './forward.ts';
import { type Identity, loadIdentity } from './identity.ts';
import { createInstruments } from './instruments.ts';
import { createJournal } from './journal.ts';
import { RECORD, uint64 } from './journal-record.ts';
import { createLedgerView } from './ledger-view.ts';
import { MAX_STARTS } from './limits.ts';
import { createLogin } from './login.ts';
import { createPaperLimits } from './paper-limits.ts';
import type { BrokerAddress, BrokerHandlers, GatewayPorts, Session } from './ports.ts';
import { createProjection } from './projection.ts';
import { forwardAgain, forwardRest, replayJournal } from './recover.ts';
import { type GatewaySettings, gatewaySettings } from './settings.ts';
import type { ClientSession, DeviceState, EpochState } from './state.ts';
import { keepBulk } from './steps/bulk.ts';
import { finishCutShort } from './steps/close.ts';
import { epochFor } from './steps/control.ts';
import { hasKeysStill } from './steps/frame.ts';
import { mustAwaitKeys } from './steps/keys.ts';
import { createRecipientDesk, leavesFromStore, type RecipientDesk } from './steps/recipient.ts';
import { allowNackAgain, isLetGo, nackIfDue } from './steps/segment.ts';
import { createStoreFiller } from './store/filler.ts';
import type { CiphertextStore } from './store/port.ts';
import { createVerifier } from './verifier.ts';

export interface Gateway {
  start(): Promise<GatewayAddress>;
  /** Stops taking messages, signs and anchors what is left within `finishMs`, commits the index. */
  stop(finishMs?: number): Promise<void>;
  /** A rack or ask that came over the bus. @throws Refusal */
  recipientMessage(rid: string, message: Uint8Array): Promise<void>;
  /** Per device and epoch: stored, sealed, anchored numbers. */
  account(): Iterable<EpochAccount>;
  /** The embedded ciphertext store. */
  readonly store: CiphertextStore;
  /** Signs a head over what is logged and waits until the ledger holds it, or the time is over. */
  finishEvidence(timeoutMs: number): Promise<void>;
  readonly connections: number;
}

export interface GatewayAddress extends BrokerAddress {
  readonly gid: string;
  readonly thumbprint: Uint8Array;
  readonly key: CoseKey;
}

const PROGRESS_LOOK_MS = 200;
const NACK_LOOK_MS = 500;
const DEFAULT_FINISH_MS = 5_000;

export function createGateway(ports: GatewayPorts, given: Partial<GatewaySettings> = {}): Gateway {
  const settings = gatewaySettings(given);
  const { crypto, wall, data, random, logger, catalogue, keys, ledger, broker } = ports;
  const instruments = createInstruments(ports.metrics);
  const journal = createJournal(ports.journal, wall, (tookMs) => instruments.commitMs.observe(tookMs));
  const projection = createProjection(catalogue, crypto);
  const store = createEmbeddedStore(catalogue, journal);
  const due = new Set<EpochState>();
  const lacking = new Set<EpochState>();
  const cancels: (() => void)[] = [];
  /** How often memory was made again from the disk. */
  let recoveries = 0;
  let parts:
    | { readonly border: Border; readonly evidence: ReturnType<typeof createEvidenceLog>; readonly desk: RecipientDesk }
    | undefined;

  const assemble = (identity: Identity, start: number) => {
    const ended = catalogue.revokedConsents();
    const ledgerView = createLedgerView(ledger, wall, logger, settings.maxManifestLagMs, ended);
    const beacons = createBeacons(
      { crypto, wall, random, keys, journal, catalogue },
      identity,
      settings,
      broker.tlsSpkiHash,
    );
    const forward = createForwarder({
      crypto,
      journal,
      feeds: ports.feeds,
      instruments,
      revoked: catalogue.revokedConsents(),
      nowMs: () => data.nowMs(),
    });
    const sessions = new Map<string, ClientSession>();
    const devices = createDevices(
      { crypto, journal, catalogue, nowMs: () => wall.nowMs(), isRetired: ledgerView.isRetired },
      identity,
      (device) => sessions.has(device.name) || device.pending.size > 0,
    );
    const epochPorts = { crypto, journal, catalogue, beacons };
    const book = createEdgeBook();
    const disputes = createDisputeReporter({ ledger, signer: identity.signer, wall, logger });
    cancels.push(disputes.stop);
    const border: Border = {
      settings,
      identity,
      crypto,
      wall,
      data,
      logger,
      instruments,
      journal,
      catalogue,
      projection,
      beacons,
      devices,
      forward,
      control: createControl({ broker, wall, data, instruments }, start),
      ledger: ledgerView,
      broker,
      sessions,
      slowLane: createBucket(settings.slowOpensPerS, settings.slowOpensBurst),
      paperLimits: createPaperLimits(settings),
      bans: createBans(settings.banMs),
      counts: { frames: [0, 0, 0, 0] },
      book,
      verify: createVerifier(crypto, settings.poolVerifications),
      keyOf: createDeviceKeys(journal),
      alarm(name, device) {
        instruments.alarms.add(1, name);
        logger.error({ alarm: name, device }, 'alarm');
      },
      moved: (epoch) => void due.add(epoch),
      incomplete: (epoch) => void lacking.add(epoch),
      hasKeysStill: (device, epochId) => hasKeysStill(border, device, epochId),
      async anyEpoch(device, eh) {
        const pending = device.pending.get(toHex(eh));
        const found = findEpoch(device, eh) ?? (pending?.isQueued() === true ? undefined : await pending?.ready);
        if (found !== undefined) return found;
        const row = catalogue.epoch(device.number, eh);
        if (row === undefined) return refuse('unknown-epoch');
        // What is on its way to the disk is not in the index yet: read back without it, a number would be taken twice.
        await new Promise<void>((resolve) => journal.after({ settled: () => resolve() }));
        const epoch = await loadEpoch(device, row, false, epochPorts, identity, settings);
        if (epoch === undefined) return refuse('manifest-unknown');
        const meanwhile = findEpoch(device, eh);
        if (meanwhile !== undefined) return meanwhile;
        keepBulk(device, epoch);
        return epoch;
      },
      async manifestOf(device, hash) {
        if (device.manifest !== undefined && toHex(device.manifest.hash) === toHex(hash)) return device.manifest;
        const row = catalogue.manifest(hash);
        if (row === undefined || row.deviceNumber !== device.number) return undefined;
        const manifest = parseSigned((await journal.read(row.position)).message, 'manifest');
        // Of an owner who had to give way: its readers are not this owner's.
        if (!isByOwner(device, manifest)) return undefined;
        return viewOf(manifest, row.position, identity, crypto);
      },
      async introduce(epoch, open, openBytes) {
        const isMended = projection.takeMended(epoch.id);
        if (isMended) await readRest(epoch, epochPorts);
        const { endorseAt } = epoch.device;
        if (endorseAt === undefined) return;
        const endorse = (await journal.read(endorseAt)).message;
        const manifest = (await journal.read(epoch.manifest.position)).message;
        const beacon = open.beaconHash && (await beacons.byHash(open.beaconHash));
        const before = { endorse, manifest, beacon: beacon?.message };
        forward.opening(epoch, openBytes, before, Math.round(data.nowMs()));
        forward.flush();
        if (isMended) {
          await forwardRest(border, epoch);
          await finishCutShort(border, epoch);
        }
        if (!epoch.isBulk) book.enter(epoch.device.name, epoch.eh, epoch.manifest, epoch.wrapHashes);
      },
      grown: () => evidence.grown(),
      receipt: (entry) => evidence.receipt(entry),
      leavesOf: (row, first, count) => leavesFromStore({ journal, catalogue, crypto }, row, first, count),
      reportDispute(epoch, segment) {
        logger.error({ device: epoch.device.name, eh: epoch.ehHex, segment }, 'two closes of one segment: disputed');
        disputeEvidence({ journal, catalogue }, epoch, segment)
          .then((evidence) => evidence && disputes.report(evidence))
          .catch(() => logger.error({ eh: epoch.ehHex, segment }, 'the closes of a dispute were not read back'));
      },
      async passGrant(session, rid, bytes) {
        const { eh } = parsePlain(bytes, 'grant');
        const row = catalogue.epochByHash(eh);
        const device = row && (await devices.load(catalogue.deviceByNumber(row.deviceNumber)?.name ?? ''));
        const isOwner = device?.owner !== undefined && toHex(device.owner) === toHex(session.thumbprint);
        const reader = device?.manifest?.recipients.find((r) => r.rid === rid);
        if (!isOwner || reader === undefined || !forward.mayRead(reader)) return refuse('topic-denied');
        forward.one(rid, 'g', bytes, Math.round(data.nowMs()));
        forward.flush();
      },
    };
    const evidence = createEvidenceLog(
      {
        crypto,
        wall,
        journal,
        catalogue,
        projection,
        ledger,
        forward,
        instruments,
        logger,
        async readers(row) {
          const name = catalogue.deviceByNumber(row.deviceNumber)?.name;
          const device = name === undefined ? undefined : await devices.load(name);
          if (device === undefined) return [];
          const found = findEpoch(device, row.eh);
          const view = found?.manifest ?? (await manifestOfRow(border, row.position, device));
          const names = view?.recipients ?? [];
          return names.filter((r, i) => found?.wrapHashes[i] !== null && forward.mayRead(r)).map((r) => r.rid);
        },
      },
      identity,
      settings,
    );
    return { border, evidence, desk: createRecipientDesk(border) };
  };

  const nextStart = async (): Promise<number> => {
    const start = catalogue.starts + 1;
    if (start > MAX_STARTS) throw gatewayFailure('start-counter-exhausted');
    return journal.put(RECORD.start, 0, 0, wall.nowMs(), uint64(start), () => {
      catalogue.setStarts(start);
      return start;
    });
  };
  const reportDamage = (damaged: readonly Damage[]) => {
    for (const { position, reason } of damaged.slice(0, 16))
      logger.error({ position, reason }, 'a record of the journal is damaged');
    instruments.alarms.add(damaged.length, 'journal-damage');
  };
  const reportRecovery = () => {
    const { cutBytes, cutAt, damaged } = ports.journal.recovery;
    instruments.journalCutBytes.set(cutBytes);
    if (cutBytes > 0)
      logger.warn({ cutBytes, cutAt: cutAt ?? 0 }, 'a torn tail of the journal was cut: it was acknowledged to nobody');
    if (damaged.length > 0) reportDamage(damaged);
    journal.onDamage(reportDamage);
  };
  /** Segments that a crash left open although everything of them is there. */
  const finishAll = async (border: Border) => {
    for (const row of catalogue.unfinishedEpochs()) {
      const name = catalogue.deviceByNumber(row.deviceNumber)?.name;
      const device = name === undefined ? undefined : await border.devices.load(name);
      if (device === undefined || parts === undefined) continue;
      await device
        .serial(async () => {
          const hasKeys = !row.isBulk && border.hasKeysStill(device, row.id);
          const epoch = hasKeys ? await epochFor(border, device, row.eh) : await border.anyEpoch(device, row.eh);
          await finishCutShort(border, epoch);
        })
        .catch((error: unknown) => logger.warn({ reason: (error as Error).message }, 'a segment was not finished'));
    }
  };
  const commitIndex = () => {
    if (journal.isFailed || catalogue.cursor >= journal.endPosition) return;
    try {
      catalogue.commit(journal.endPosition);
      instruments.journalBytes.set(journal.endPosition);
    } catch (error) {
      journal.interrupt(error);
    }
  };
  const sendProgress = (border: Border) => {
    // Memory is ahead of a disk that failed: what it knows must not free anybody's spool.
    if (journal.isFailed) return;
    const nowMs = wall.monotonicMs();
    for (const epoch of due) {
      const { device } = epoch;
      if (mustAwaitKeys(border, epoch)) {
        due.delete(epoch);
        continue;
      }
      // What went by bulk is freed by progress alone.
      const isDirect = !epoch.isBulk && !epoch.wentByBulk && border.sessions.get(device.name)?.isDirect === true;
      if (nowMs - device.progressMs < (isDirect ? settings.directProgressPeriodMs : settings.progressPeriodMs))
        continue;
      due.delete(epoch);
      if (!broker.isConnected(device.name)) continue;
      if (border.control.progress(epoch)) device.progressMs = nowMs;
    }
  };
  const countFrames = (border: Border) => {
    for (const [kind, name] of (['card', 'data', 'heartbeat', 'urgent'] as const).entries()) {
      const n = border.counts.frames[kind]!;
      if (n > 0) instruments.frames.add(n, name);
      border.counts.frames[kind] = 0;
    }
  };
  const sendEdges = (border: Border) => {
    const nowMs = Math.round(data.nowMs());
    for (const [rid, epochs] of border.book.byReader(border)) {
      border.forward.one(rid, 'p', encodeEdge(nowMs, epochs), nowMs);
    }
    border.forward.flush();
  };
  const startTimers = (border: Border) => {
    cancels.push(
      wall.every(settings.indexPeriodMs, () => {
        commitIndex();
        countFrames(border);
        instruments.sessions.set(broker.connections);
      }),
      wall.every(PROGRESS_LOOK_MS, () => sendProgress(border)),
      wall.every(NACK_LOOK_MS, () => {
        for (const epoch of lacking) if (isLetGo(border, epoch) || !nackIfDue(border, epoch)) lacking.delete(epoch);
      }),
      wall.every(settings.edgePeriodMs, () => sendEdges(border)),
      watchClock(wall, (byMs) => {
        border.alarm('clock-step', '');
        logger.error({ byMs: Math.round(byMs) }, 'the clock was set: frames are taken, arrival times do not compare');
      }),
    );
  };
  const handlersOf = (border: Border, desk: RecipientDesk): BrokerHandlers => {
    const sockets = createBucket(settings.connectionsPerS, settings.connectionsBurst);
    const addresses = createAddresses(settings);
    const login = createLogin(border, addresses);
    const flow = createFlow(border, desk);
    const own = (session: Session) => session as ClientSession;
    return {
      // The address first: what it is denied costs the others nothing.
      admitConnection: (address) =>
        addresses(address).sockets.take(wall.monotonicMs()) && sockets.take(wall.monotonicMs()),
      async login(request) {
        // A session stands on the device's state in memory: none may reach from before a failure to behind it.
        const began = recoveries;
        const session = journal.isFailed ? undefined : await login(request);
        if (journal.isFailed || began !== recoveries) {
          instruments.doors.add(1, 'journal-failed');
          return undefined;
        }
        if (session !== undefined) border.sessions.set(session.identity, session);
        return session;
      },
      publish: (session, packet, done) => {
        const client = own(session);
        if (!client.isPresent) return done('drop');
        if (packet.isRetained && !/\/[em]$/.test(packet.topic)) instruments.doors.add(1, 'retained');
        flow(client, packet, done);
      },
      mayWill: (session, topicText, payload) => topicText === own(session).topics.will && toHex(payload) === GONE_HEX,
      maySubscribe: (session, filter) => maySubscribe(border, own(session), filter),
      subscribed: (session, filter) => void subscribed(border, own(session), filter),
      gone(session) {
        if (border.sessions.get(session.identity) !== session) return;
        border.sessions.delete(session.identity);
        // One that it would have taken over must not go on unknown here.
        broker.disconnect(session.identity);
      },
      refused: (reason) => instruments.doors.add(1, reason),
    };
  };
  /** The disk failed: memory may be ahead of it, so nobody who stands on it is heard any more. */
  const closeSessions = (border: Border) => {
    for (const session of border.sessions.values()) {
      session.isPresent = false;
      broker.disconnect(session.identity);
    }
  };
  /** Everything beside the journal again, from what is synced. Nothing can be written meanwhile. */
  const rebuild = async (border: Border) => {
    closeSessions(border);
    // What is under way ends first: its writes are refused, and it must not meet the new index.
    for (const device of border.devices.loaded()) {
      await Promise.all([...device.pending.values()].map((pending) => pending.ready));
      await device.serial(async () => {});
    }
    catalogue.rollback();
    projection.reset();
    border.devices.reset();
    due.clear();
    lacking.clear();
    await replayJournal(border);
    recoveries++;
    instruments.journalFailed.set(0);
    logger.info({}, 'the journal takes records again');
  };

  return {
    async start() {
      const identity = await loadIdentity(keys, random, crypto);
      reportRecovery();
      const replayed = await replayJournal({ journal, catalogue, projection });
      const made = assemble(identity, await nextStart());
      parts = made;
      const { border, evidence, desk } = made;
      await border.beacons.start();
      commitIndex();
      const upstream = border.forward.upstream();
      const again = upstream === undefined ? 0 : await forwardAgain(border, upstream);
      border.devices.reset();
      journal.onPass(() => border.forward.flush());
      journal.onFailure((code) => {
        instruments.journalFailed.set(1);
        border.alarm('journal-failed', '');
        logger.error({ code }, 'the disk takes nothing: nothing is acknowledged until it does');
        closeSessions(border);
      });
      journal.onRecovery(async () => {
        await rebuild(border);
        void finishAll(border);
      });
      border.ledger.start({
        consentRevoked: (consent) => endConsent(border, consent),
        deviceRetired: (pseudonym) => retire(border, pseudonym),
        manifestPut: () => {},
      });
      border.beacons.onIssue((beacon) => broker.retain(topic.beacon(identity.gid), beacon.message));
      const address = await broker.start(handlersOf(border, desk));
      broker.retain(topic.beacon(identity.gid), border.beacons.current.message);
      startTimers(border);
      evidence.start();
      border.book
        .load(border)
        .catch((error: unknown) => logger.warn({ reason: (error as Error).message }, 'edge messages begin with less'));
      void finishAll(border);
      if (ports.servedStore !== undefined) {
        const passedOver = (rows: number) => instruments.unservedFrames.add(rows);
        const filler = createStoreFiller(ports.servedStore, journal, catalogue, wall, logger, passedOver);
        cancels.push(filler.stop);
      }
      logger.info({ replayed, again, gid: identity.gid }, 'gateway started');
      return { ...address, gid: identity.gid, thumbprint: identity.thumbprint, key: identity.key };
    },
    async stop(finishMs = DEFAULT_FINISH_MS) {
      if (parts === undefined) return;
      const { border, evidence } = parts;
      for (const cancel of cancels.splice(0)) cancel();
      await broker.stop();
      await evidence.finish(finishMs);
      evidence.stop();
      border.beacons.stop();
      border.ledger.stop();
      border.forward.flush();
      commitIndex();
      countFrames(border);
      journal.stop();
      parts = undefined;
    },
    async recipientMessage(rid, message) {
      if (parts === undefined) throw gatewayFailure('not-started');
      await parts.desk.receive(rid, message);
    },
    account: () => accountOf(catalogue),
    store,
    async finishEvidence(timeoutMs) {
      await parts?.evidence.finish(timeoutMs);
      commitIndex();
    },
    get connections() {
      return broker.connections;
    },
  };
}

/** [35] */
const GONE_HEX = '811823';

/** A device that subscribed gets what is retained for it, and is asked again for what its segments lack. */
async function subscribed(border: Border, session: ClientSession, filter: string): Promise<void> {
  const { topics, device } = session;
  if (device === undefined) return;
  if (filter === topics.down) for (const epoch of [...device.live, ...device.bulk]) allowNackAgain(epoch);
  const at = filter === topics.endorse ? device.endorseAt : filter === topics.manifest ? device.manifestAt : undefined;
  if (at === undefined) return;
  const { message } = await border.journal.read(at);
  border.broker.send(session.identity, filter, message, true);
}

function endConsent(border: Border, consent: string): void {
  if (!border.forward.revoke(consent)) return;
  border.journal
    .put(RECORD.revoked, 0, 0, border.wall.nowMs(), Buffer.from(consent), () => border.catalogue.addRevoked(consent))
    // A disk that takes nothing: the ledger tells it again at the next start.
    .catch(() => {});
}

function retire(border: Border, pseudonym: string): void {
  // By its name too: a device that is not in memory is marked when it is read back.
  endConsent(border, pseudonym);
  for (const device of border.devices.loaded()) {
    if (device.manifest?.pseudonym !== pseudonym || device.isRetired) continue;
    border.devices.retire(device);
    border.broker.disconnect(device.name);
  }
}

async function manifestOfRow(border: Border, openingAt: number, device: DeviceState) {
  const opening = parsePlain((await border.journal.read(openingAt)).message, 'opening');
  return border.manifestOf(device, parseSigned(opening.open, 'open').body.manifestHash);
}
