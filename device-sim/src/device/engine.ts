import type { ProfileStream } from '@pulseseal/firmware-profiles';
import {
  CLOSE_LAST,
  type CloseLast,
  CTL,
  deviceText,
  encodeBlock,
  encodeBye,
  encodeGone,
  encodeOpening,
  encodeValues,
  frameLeaf,
  hex8,
  OPEN_REASON,
  type OpenReason,
  parseFrame,
  type Resync,
  type Signed,
  topic,
  tp8,
} from '@pulseseal/protocol';
import { sleep } from '@pulseseal/runtime';
import type { SensorState } from '../bodies/body.ts';
import type { Account } from './account.ts';
import type { DeviceEpochAccount, DeviceNotice } from './device.ts';
import type { LinkedEpoch } from './downlink.ts';
import { readDownlink } from './downlink.ts';
import { buildEpoch, type EpochKeys, type EpochPlan, eraseEpoch } from './epoch.ts';
import { epochAccounts } from './epoch-accounts.ts';
import { createEpochClock } from './epoch-clock.ts';
import { currentTransportKey, type Identity, loginPassword } from './identity.ts';
import { deviceLimits } from './limits.ts';
import { createLinkedEpochs } from './link-keys.ts';
import { createListeners } from './listeners.ts';
import type { DeviceMemory } from './memory.ts';
import { isListed, wrapDecisions } from './policy.ts';
import type { DevicePorts } from './ports.ts';
import { recoverCloses } from './recover.ts';
import { createReplies, type NotObeyed } from './replies.ts';
import { createSalvage } from './salvage.ts';
import { type BeatState, createSealer, type Sealed, type Sealer } from './sealer.ts';
import { createSending } from './sending.ts';
import type { DeviceSettings } from './settings.ts';
import { openSpool } from './spool.ts';
import { isOwed, type SpoolEpoch } from './spool-epoch.ts';
import { type DeviceEvent, type DeviceState, nextState } from './states.ts';
import { createTrust, isRefusal, type ManifestSource, same } from './trust.ts';
import type { UplinkItem } from './uplink.ts';

/** One frame's content: item index -> integer, or a waveform block. */
export type SampleData =
  | { readonly values: ReadonlyMap<number, number> }
  | { readonly quality: number; readonly samples: Int16Array };

export type SendResult =
  /** Sealed and on the flash. */
  | 'kept'
  /** Waits for the epoch that is being opened. */
  | 'pending'
  | 'unknown-stream'
  | 'too-large'
  | 'full'
  | 'not-claimed'
  | 'stopped';

export interface EngineCounts {
  /** Messages from outside that were not obeyed, by refusal, and errs that were heard, by code. */
  readonly refusals: Partial<Record<NotObeyed, number>>;
  /** Samples older than the epoch's t0, stamped with it. */
  lateSamples: number;
  refusedSamples: number;
  pendingDropped: number;
  epochs: number;
}

export interface EnginePorts extends DevicePorts {
  readonly memory: DeviceMemory;
  readonly save: () => void;
  readonly account: Account;
  readonly identity: Identity;
  readonly notify: (notice: DeviceNotice) => void;
  /** To the patient's agent. */
  readonly tell: (bytes: Uint8Array) => void;
}

/** How often timers are looked at; heartbeats and closes are due at best this exactly. */
const tickMs = 250;
/** How long a start waits for a beacon before it opens offline. */
const beaconWaitMs = 5_000;

const byeWaitMs = 1_000;

interface PendingSample {
  readonly stream: number;
  readonly data: SampleData;
  /** On the epoch clock: survives steps of the wall clock. */
  readonly stampMs: number;
  readonly urgent: boolean;
}

/** What a claimed device does: epochs, segments, frames, and what comes down. */
export function createEngine(ports: EnginePorts, settings: DeviceSettings) {
  const { wall, link, crypto, memory, identity, notify, log } = ports;
  const counts: EngineCounts = { refusals: {}, lateSamples: 0, refusedSamples: 0, pendingDropped: 0, epochs: 0 };
  const wanted = settings.streams;
  const streams = settings.profile.streams.filter((s: ProfileStream) => wanted === undefined || wanted.includes(s.id));
  const streamById = new Map<number, ProfileStream>(streams.map((stream) => [stream.id, stream]));
  const trust = createTrust(memory, identity.thumbprint, ports, settings.clockSource);
  const time = createEpochClock(wall, ports.data);
  const links = createLinkedEpochs(wall);
  const listeners = createListeners(wall, settings.ackTimeoutMs, {
    current: () => links.current,
    deaf: (rid) => notify({ kind: 'deaf-recipient', rid }),
  });
  const jitter = ((identity.thumbprint[30]! << 8) | identity.thumbprint[31]!) / 65_536;

  let state: DeviceState = 'idle';
  let connected = false;
  let building = false;
  let stopping = false;
  /** Before it, a manifest is kept and nothing else happens. */
  let started = false;
  let sealer: Sealer | undefined;
  const agentEpochs: Uint8Array[][] = [];
  let pending: PendingSample[] = [];
  const salvage = createSalvage<PendingSample>();
  let sensor: SensorState = { contact: true, worn: 'worn', batteryPercent: null };
  let limits = { frameBytes: 16_384, maxFrames: settings.maxSegmentFrames, segmentMs: settings.segmentMs };
  let due = { beatMs: 0, segmentMs: 0, epochMs: 0, flushMs: 0 };
  let startedMs = 0;
  /** No epoch is opened before: the last try failed. */
  let retryAtMs = Number.NEGATIVE_INFINITY;
  /** An epoch ended because the clocks parted, and the next one has not had its turn yet. */
  let stepped = false;
  /** The last of each source that had no turn yet. */
  const laterManifests = new Map<ManifestSource, Uint8Array>();
  let cancelTick = () => {};

  const refused = (reason: NotObeyed) => {
    counts.refusals[reason] = (counts.refusals[reason] ?? 0) + 1;
  };
  const move = (event: DeviceEvent) => {
    const next = nextState(state, event);
    if (next === undefined) throw new Error(`device: ${event} in state ${state}`);
    if (next === state) return;
    state = next;
    notify({ kind: 'state', state });
  };

  const spool = openSpool(ports.flash, {
    bytes: settings.spoolBytes,
    leafOf: (oh, raw) => frameLeaf(parseFrame(raw), oh, crypto),
    hash: (bytes) => crypto.sha256(bytes),
    onSettled: (epoch, settled) => ports.account.note(epoch, settled),
    onSyncFailed: (error) => {
      const reason = error instanceof Error ? error.message : String(error);
      log?.error({ reason }, 'the flash neither syncs nor takes a new spool; closes wait. Replace the flash.');
      notify({ kind: 'flash-failing' });
    },
    isCurrent: (epoch) => epoch === sealer?.spool,
  });
  const sending = createSending({ ...ports, spool, links, isUp: () => connected }, settings);
  const { uplink, control, bulk, repairs, goesDirect } = sending;

  const dtOf = (stampMs: number): number => {
    const dt = time.dtOf(stampMs);
    if (dt < 0) counts.lateSamples++;
    return Math.max(0, dt);
  };
  const beatState = (): BeatState => ({
    batteryPercent: sensor.batteryPercent === null ? null : Math.round(sensor.batteryPercent),
    state: stopping ? 3 : ({ worn: 0, 'off-body': 1, charging: 2, shutdown: 3 } as const)[sensor.worn],
    flags: () => (sensor.contact ? 1 : 0),
  });
  const queue = (epoch: SpoolEpoch, sealed: Sealed) => {
    for (const frame of sealed.frames)
      uplink.put(frame.urgent ? 'urgent' : 'current', { epoch, kind: 'frame', number: frame.seq });
    if (sealed.dropped.length > 0) repairs.note(sealed.dropped);
  };
  const beat = (open: Sealer) => {
    queue(open.spool, open.beat(beatState(), time.dtNow()));
    due.beatMs = wall.monotonicMs() + settings.heartbeatMs;
  };
  /** Last heartbeat and close of the open segment; with `last`, of the epoch. */
  const closeSegment = (open: Sealer, last: CloseLast | undefined, urgent: boolean) => {
    move('segment-end');
    beat(open);
    signClosed(open, last, urgent);
  };
  const signClosed = (open: Sealer, last: CloseLast | undefined, urgent: boolean) => {
    const { sg } = open.close(time.dtNow(), last);
    const item: UplinkItem = { epoch: open.spool, kind: 'close', number: sg };
    spool.afterSync(() => uplink.put(urgent ? 'urgent' : 'current', item));
    due.segmentMs = wall.monotonicMs() + limits.segmentMs;
  };
  const resume = () => {
    const { current } = links;
    if (current === undefined || sealer?.spool.offline === true) move('resume-offline');
    else move(current.spool.accepted ? 'resume-live' : 'resume-opening');
  };
  const endEpoch = (last: CloseLast, next: 'rotate' | 'stop') => {
    const open = sealer;
    if (open === undefined) return;
    closeSegment(open, last, false);
    leave(open, next);
  };
  const leave = (open: Sealer, next: 'rotate' | 'stop') => {
    sealer = undefined;
    memory.lastClose = open.spool.lastCloseHash ?? memory.lastClose;
    move(next);
  };
  /**
   * Before anything is sealed: when the clocks parted, the keys may be a copy's too. They are dropped without one more
   * heartbeat, and what was sealed is closed over its leaves, as after a reboot.
   */
  const leaveIfParted = () => {
    const open = sealer;
    if (open === undefined || !time.hasParted()) return;
    stepped = true;
    move('segment-end');
    if (open.segmentFrames > 0) signClosed(open, CLOSE_LAST.clockStep, false);
    else {
      open.erase();
      spool.end(open.spool);
    }
    leave(open, 'rotate');
  };

  const suiteAllowed = () => trust.manifest?.body.suites.includes(settings.profile.suite) === true;
  const usableBeacon = () => {
    const held = trust.beacon(link.tlsSpkiHash());
    if (held === undefined) return undefined;
    const suiteFits = held.body.suites.includes(settings.profile.suite);
    if (!suiteFits) refused('suite-refused');
    // An own clock that is wrong must not keep a device away from a gateway that it can reach.
    const fresh = connected || held.body.validUntilMs > wall.nowMs();
    return suiteFits && fresh ? held : undefined;
  };
  const planEpoch = (reason: OpenReason): EpochPlan => {
    const manifest = trust.manifest!;
    const unheard = links.current?.spool.accepted === false && !connected;
    const waiting = [...salvage.due, ...pending].map((sample) => sample.stampMs);
    const usable = unheard || salvage.due.length > 0 ? undefined : usableBeacon();
    // What waited for longer than a gateway lets pass as the present goes up as history, with its own times.
    const skewMs = usable?.body.limits.skewMs ?? 0;
    const beacon = waiting.some((stampMs) => time.ageMs(stampMs) > skewMs) ? undefined : usable;
    const b = beacon?.body.limits;
    limits = {
      frameBytes: b === undefined ? 16_384 : Math.max(deviceLimits.minFrameBytes, b.maxFrameBytes),
      maxFrames: Math.min(settings.maxSegmentFrames, Math.max(deviceLimits.minSegmentFrames, b?.maxCount ?? 4096)),
      segmentMs: Math.min(settings.segmentMs, Math.max(deviceLimits.minSegmentMs, b?.maxSegmentMs ?? 120_000)),
    };
    return {
      boot: memory.boot,
      epoch: memory.epoch,
      reason: beacon === undefined ? OPEN_REASON.offline : reason,
      device: identity.thumbprint,
      ...(beacon === undefined ? {} : { beacon }),
      manifest,
      wraps: wrapDecisions(trust.view()!),
      previousClose: memory.lastClose,
      clock: { t0Ms: time.start(waiting), uncertaintyMs: 50, source: settings.clockSource },
      maxFrames: limits.maxFrames,
      segmentMs: limits.segmentMs,
      heartbeatMs: settings.heartbeatMs,
      ackTimeoutMs: settings.ackTimeoutMs,
      profile: settings.profile,
      streams,
    };
  };
  /** Ends what is open and opens the next epoch. Samples wait meanwhile, also when it fails: then it is tried again. */
  const rotate = (reason: OpenReason, last: CloseLast): void => {
    openNext(reason, last).catch((error: unknown) => {
      retryAtMs = wall.monotonicMs() + deviceLimits.openRetryMs;
      log?.error({ error: error instanceof Error ? error.name : 'unknown' }, 'no epoch was opened; tries again');
    });
  };
  const openNext = async (reason: OpenReason, last: CloseLast): Promise<void> => {
    if (building || stopping || trust.manifest === undefined) return;
    leaveIfParted();
    if (!suiteAllowed()) {
      refused('suite-refused');
      // What is open is sealed to readers that the new manifest may have left out: it ends all the same.
      if (sealer !== undefined) endEpoch(CLOSE_LAST.manifest, 'stop');
      else if (state === 'rotating') move('stop');
      uplink.pump();
      return;
    }
    building = true;
    stepped = false;
    try {
      if (sealer !== undefined) endEpoch(last, 'rotate');
      else move('build');
      memory.epoch++;
      trust.saveAge();
      const plan = planEpoch(reason);
      ports.save();
      const keys = await buildEpoch(plan, memory.deviceSecret, identity.signer, ports);
      if (time.hasParted()) stepped = true;
      try {
        if (!stopping && !stepped) begin(keys);
      } finally {
        if (links.current?.keys !== keys) eraseEpoch(keys);
      }
    } finally {
      building = false;
    }
    if (stopping || sealer === undefined) return;
    for (const sample of salvage.takeDue()) sealSample(sample);
    flushPending();
    // A manifest that came while the epoch was being built has its say at once.
    const sealedUnder = links.current?.keys.plan.manifest.hash;
    if (sealedUnder === undefined || !same(trust.manifest.hash, sealedUnder))
      rotate(OPEN_REASON.manifest, CLOSE_LAST.manifest);
  };
  const begin = (keys: EpochKeys) => {
    const offline = keys.link === undefined;
    const kept = spool.begin({
      eh: Buffer.from(keys.eh).toString('hex'),
      oh: keys.oh,
      boot: keys.plan.boot,
      epoch: keys.plan.epoch,
      offline,
      open: keys.open,
      keys: keys.keys,
    });
    memory.openEpoch = kept.eh;
    ports.save();
    const waiting = [...spool.epochs()];
    for (const oldest of waiting.slice(0, -deviceLimits.maxSpoolEpochs)) spool.giveUp(oldest, 'dropped');
    const entry: LinkedEpoch = { keys, spool: kept, highestDown: -1, n: 0, racks: new Map() };
    if (links.current?.spool.accepted === false) control.opened();
    links.begin(entry);
    counts.epochs++;
    for (const rid of keys.badPrekeys) {
      refused('prekey-refused');
      notify({ kind: 'bad-prekey', rid });
    }
    sealer = createSealer(keys, kept, { spool, signer: identity.signer, crypto }, settings);
    const nowMs = wall.monotonicMs();
    const epochMs = Math.min(settings.epochMs, keys.plan.manifest.body.policy.maxEpochS * 1000);
    due = {
      beatMs: nowMs,
      // Closes of many devices spread over the segment; the first one is the short one.
      segmentMs: nowMs + limits.segmentMs * (1 / 6 + (5 / 6) * jitter),
      epochMs: nowMs + epochMs,
      flushMs: nowMs,
    };
    move(offline ? 'opened-offline' : 'opened');
    const forAgent = [encodeOpening(keys.open), ...(keys.keys.length > 0 ? [keys.keys] : [])];
    agentEpochs.push(forAgent);
    if (agentEpochs.length > deviceLimits.maxAgentEpochs) agentEpochs.shift();
    for (const message of forAgent) ports.tell(message);
    const before = links.newestAccepted?.keys;
    const pre = before?.link === undefined ? undefined : { oh: before.oh, key: before.link.pre };
    if (!offline) control.open(entry, pre);
    beat(sealer);
    due.beatMs = nowMs + settings.heartbeatMs * (0.5 + jitter / 2);
    uplink.pump();
  };
  const flushPending = () => {
    const waiting = pending;
    pending = [];
    for (const sample of waiting) sealSample(sample);
    uplink.pump();
  };
  const sealSample = (sample: PendingSample): SendResult => {
    const open = sealer;
    if (open === undefined || building) return hold(sample);
    const stream = streamById.get(sample.stream)!;
    const payload =
      'values' in sample.data
        ? encodeValues(sample.data.values)
        : encodeBlock(Math.round(sample.data.quality), sample.data.samples);
    if (open.frameBytes(stream, payload.length) > limits.frameBytes) {
      counts.refusedSamples++;
      return 'too-large';
    }
    queue(open.spool, open.data(stream, payload, dtOf(sample.stampMs), sample.urgent));
    if (links.newestAccepted === undefined) salvage.keep(open.spool.eh, sample);
    // A card and the heartbeat may still come into the segment.
    if (sample.urgent || open.segmentFrames + 2 >= limits.maxFrames) {
      closeSegment(open, undefined, sample.urgent);
      resume();
    }
    if (open.nextSeq + 16 > deviceLimits.maxEpochFrames) rotate(OPEN_REASON.timer, CLOSE_LAST.timer);
    return 'kept';
  };
  const hold = (sample: PendingSample): SendResult => {
    if (stopping) return 'stopped';
    if (pending.length >= deviceLimits.maxPendingSamples) {
      counts.pendingDropped++;
      return 'full';
    }
    pending.push(sample);
    return 'pending';
  };

  const openIfPossible = () => {
    if (!started || sealer !== undefined || building || stopping || !suiteAllowed()) return;
    const nowMs = wall.monotonicMs();
    if (nowMs < retryAtMs) return;
    if (stepped) {
      if (replies.mayForce('clock')) rotate(OPEN_REASON.clockStep, CLOSE_LAST.clockStep);
      return;
    }
    const waited = nowMs - startedMs > beaconWaitMs;
    if (usableBeacon() !== undefined || waited)
      rotate(counts.epochs === 0 ? OPEN_REASON.boot : OPEN_REASON.recovery, CLOSE_LAST.timer);
  };
  const subscribe = () => {
    const gateways = trust.manifest?.body.gateways ?? [];
    const beacons = gateways.map((gateway) => topic.beacon(hex8(tp8(gateway))));
    link.subscribe([identity.topic('d'), identity.topic('m'), ...beacons]).catch(() => {});
  };
  const connect = () => {
    if (trust.manifest === undefined || stopping || !started) return;
    link.connect(
      {
        clientId: deviceText(identity.thumbprint),
        password(exporter) {
          const nowMs = trust.earliestNowMs();
          const transport = currentTransportKey(memory.transport, identity.signer, nowMs, ports);
          if (transport !== memory.transport) {
            memory.transport = transport;
            ports.save();
          }
          const gateway = trust.beacon()?.body.gateway ?? trust.manifest!.body.gateways[0]!;
          return loginPassword(transport, identity.thumbprint, gateway, exporter, nowMs, ports);
        },
        will: { topic: identity.topic('w'), bytes: encodeGone() },
      },
      {
        up() {
          connected = true;
          notify({ kind: 'connected', up: true });
          uplink.reset();
          subscribe();
          sending.up();
          openIfPossible();
        },
        down() {
          connected = false;
          notify({ kind: 'connected', up: false });
          sending.down();
        },
        message: receive,
      },
    );
  };
  const offerManifest = (bytes: Uint8Array, source: ManifestSource) => {
    const had = trust.manifest !== undefined;
    const offer = trust.offerManifest(bytes, source);
    if (offer === 'later') laterManifests.set(source, bytes);
    if (isRefusal(offer)) refused(offer);
    if (offer !== 'taken') return;
    ports.save();
    links.dropGateways((gateway) => isListed(trust.manifest!.body, gateway));
    if (!had) connect();
    else if (connected) subscribe();
    if (sealer !== undefined) rotate(OPEN_REASON.manifest, CLOSE_LAST.manifest);
    else openIfPossible();
  };
  const offerBeacon = (bytes: Uint8Array) => {
    const offer = trust.offerBeacon(bytes);
    if (isRefusal(offer)) refused(offer);
    if (offer !== 'taken') return;
    ports.save();
    if (replies.takeBeaconWish() && sealer !== undefined) rotate(OPEN_REASON.recovery, CLOSE_LAST.rekey);
    else openIfPossible();
  };
  const replies = createReplies({
    wall,
    spool,
    control,
    uplink,
    bulk,
    memory,
    device: identity.thumbprint,
    crypto,
    trust,
    notify,
    refused,
    links,
    listeners,
    goesDirect,
    rotate,
    save: ports.save,
    refetch: subscribe,
    revoke: () => {
      notify({ kind: 'revoked' });
      halt();
    },
    conflicted(epoch) {
      spool.giveUp(epoch, 'refused');
      salvage.condemn(epoch.eh);
      notify({ kind: 'counters-reused', eh: epoch.eh });
      bulk.pump();
    },
    accepted(epoch) {
      spool.accept(epoch.spool);
      links.accepted(epoch);
      bulk.renew();
      if (epoch === links.current) {
        control.opened();
        if (state === 'opening') move('accepted');
      }
      uplink.pump();
      bulk.pump();
    },
  });
  const receive = (name: string, bytes: Uint8Array) => {
    if (name === identity.topic('m')) offerManifest(bytes, 'gateway');
    else if (name.endsWith('/b')) offerBeacon(bytes);
    else if (name === identity.topic('d')) readDownlink(bytes, links.heard, replies.handlers);
  };

  const tick = () => {
    const nowMs = wall.monotonicMs();
    leaveIfParted();
    const open = sealer;
    if (open !== undefined && !building) {
      if (salvage.due.length > 0) rotate(OPEN_REASON.recovery, CLOSE_LAST.rekey);
      else if (nowMs >= due.epochMs) rotate(OPEN_REASON.timer, CLOSE_LAST.timer);
      else if (nowMs >= due.segmentMs) {
        closeSegment(open, undefined, false);
        resume();
      } else if (nowMs >= due.beatMs) beat(open);
      else if (open.spool.offline && connected && usableBeacon() !== undefined)
        rotate(OPEN_REASON.recovery, CLOSE_LAST.timer);
    } else openIfPossible();
    sending.tick();
    listeners.tick();
    if (nowMs >= due.flushMs) {
      due.flushMs = nowMs + deviceLimits.ackFlushMs;
      salvage.prune((eh) => spool.get(eh)?.accepted === false);
      spool.flush();
    }
    links.tick();
    for (const [source, bytes] of [...laterManifests]) {
      laterManifests.delete(source);
      offerManifest(bytes, source);
    }
  };
  const halt = () => {
    stopping = true;
    cancelTick();
    connected = false;
    void link.disconnect();
    sealer?.erase();
    sealer = undefined;
    links.erase();
  };
  const isDrained = () => repairs.isEmpty && [...spool.epochs()].every((epoch) => !isOwed(epoch));
  return {
    identity,
    counts,
    get state() {
      return state;
    },
    get connected() {
      return connected;
    },
    get backlog() {
      return spool.frameCount + pending.length;
    },
    start() {
      started = true;
      startedMs = wall.monotonicMs();
      const orphan = memory.openEpoch !== null && spool.get(memory.openEpoch) === undefined && memory.epoch > 0;
      if (spool.damaged > 0) notify({ kind: 'spool-damaged', places: spool.damaged });
      const { lastClose, recovered } = recoverCloses(spool, { signer: identity.signer, crypto });
      if (lastClose !== undefined) memory.lastClose = lastClose;
      else if (orphan && !memory.cleanStop) {
        move('spool-lost');
        notify({ kind: 'orphan', eh: memory.openEpoch! });
      }
      memory.cleanStop = false;
      if (recovered > 0) log?.info({ closes: recovered }, 'signed the closes that a reboot left open');
      ports.save();
      cancelTick = wall.every(tickMs, tick);
      connect();
      openIfPossible();
    },
    async stop(drainMs: number): Promise<boolean> {
      if (stopping) return isDrained();
      const endMs = wall.monotonicMs() + drainMs;
      while (building && wall.monotonicMs() < endMs) await sleep(wall, 20);
      leaveIfParted();
      // What waits for a turn of the clocks is sealed before the end.
      if (stepped && pending.length > 0) await openNext(OPEN_REASON.clockStep, CLOSE_LAST.clockStep).catch(() => {});
      flushPending();
      stopping = true;
      if (sealer !== undefined) endEpoch(CLOSE_LAST.shutdown, 'stop');
      else move('stop');
      await new Promise<void>((resolve) => spool.afterSync(resolve));
      uplink.pump();
      while (!isDrained() && wall.monotonicMs() < endMs) await sleep(wall, 50);
      const drained = isDrained();
      if (connected && links.current?.keys.link !== undefined) {
        const said = control.send(links.current, CTL.bye, encodeBye({ reason: 1 })).catch(() => {});
        // A goodbye is a courtesy: nobody waits for its answer for long.
        await Promise.race([said, sleep(wall, byeWaitMs)]);
      }
      cancelTick();
      spool.flush();
      memory.cleanStop = true;
      trust.saveAge();
      await link.disconnect();
      connected = false;
      links.erase();
      return drained;
    },
    halt,
    send(stream: number, sample: SampleData, options: { atMs?: number; urgent?: boolean } = {}): SendResult {
      if (stopping) return 'stopped';
      if (!streamById.has(stream)) return 'unknown-stream';
      leaveIfParted();
      const stampMs = time.stamp(options.atMs);
      const result = sealSample({ stream, data: sample, stampMs, urgent: options.urgent ?? false });
      uplink.pump();
      return result;
    },
    setSensorState(next: SensorState) {
      sensor = next;
    },
    offerManifest,
    ownerResync: (message: Signed<'resync'>) => replies.ownerResync(message),
    forAgent: () => agentEpochs.flat(),
    eraseSpool: () => spool.clear(),
    accountNow(): readonly DeviceEpochAccount[] {
      spool.flush();
      return epochAccounts(ports.account, spool.epochs());
    },
  };
}

export type Engine = ReturnType<typeof createEngine>;
export type { Resync };
