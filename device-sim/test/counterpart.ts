import type { CryptoProvider } from '@pulseseal/crypto';
import {
  type Close,
  type CoseKey,
  CTL,
  type CtlNumber,
  checkFrameTag,
  createMessageSigner,
  ERR,
  type ErrCode,
  encodeAccept,
  encodeErr,
  encodeNack,
  encodeProgress,
  frameLeaf,
  hex8,
  hintCtl,
  type LinkKeys,
  linkKeys,
  type Message,
  merkleRoot,
  type NackWant,
  type Open,
  openCtl,
  openGatewayWrap,
  openHash,
  parseBulk,
  parseMessage,
  parseRepair,
  parseSigned,
  sealCtl,
  signBody,
  topic,
  tp8,
  verifySigned,
} from '@pulseseal/protocol';
import { type Clock, createSerial, type Random } from '@pulseseal/runtime';
import type { MemoryBroker } from '../src/mod.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

export interface SeenEpoch {
  readonly open: Open;
  readonly openBytes: Uint8Array;
  readonly oh: Uint8Array;
  link: LinkKeys | undefined;
  readonly byBulk: boolean;
  keys: Uint8Array | undefined;
  readonly frames: Map<number, Uint8Array>;
  /** Arrivals in order, duplicates included. */
  readonly arrivals: number[];
  readonly leaves: Map<number, Uint8Array>;
  readonly closes: Map<number, { body: Close; raw: Uint8Array }>;
  n: number;
  accepted: boolean;
}

/** A gateway of protocol functions alone: checks tags, closes and roots; no store, no log. */
export interface Counterpart {
  readonly gateway: Uint8Array;
  readonly tlsSpkiHash: Uint8Array;
  readonly epochs: Map<string, SeenEpoch>;
  /** Two different raw forms of one (epoch, seq): must stay 0. */
  conflicts: number;
  /** Two different closes of one segment: must stay 0. */
  disputes: number;
  readonly refusals: string[];
  readonly lost: Uint8Array[];
  readonly byes: number[];
  beacon(serial: number, options?: { until?: number; prekey?: Uint8Array }): Uint8Array;
  publishBeacon(serial: number): void;
  accepts: boolean;
  /** Sends `progress` for everything durable. */
  progress(eh: string, options?: { carrier?: string; seqBelow?: number; segmentBelow?: number }): void;
  nack(eh: string, segment: number, want: NackWant, ranges?: { first: number; count: number }[]): void;
  err(eh: string, code: ErrCode, number?: number, hint?: boolean): void;
  ctl(eh: string, mt: CtlNumber, content: Uint8Array, n?: number): Uint8Array;
  send(bytes: Uint8Array): void;
  resync(device: Uint8Array, boot: number, epoch: number, nonce: Uint8Array): void;
  /** Segments whose close is there and whose root equals that of the frames and repaired leaves. */
  sealed(eh: string): number[];
  /** Forgets the link keys, as a gateway that drops an epoch does. */
  dropKeys(eh: string): void;
}

export function createCounterpart(ports: {
  readonly broker: MemoryBroker;
  readonly wall: Clock;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  /** Operational key and `d` topic of the one device of a test. */
  readonly device: () => { key: CoseKey; text: string; shard: string; thumbprint: Uint8Array };
}): Counterpart {
  const { broker, wall, random, crypto } = ports;
  const signer = createMessageSigner('ML-DSA-65', random.bytes(32), crypto);
  const prekeySeed = random.bytes(32);
  const prekey = crypto.xwingKeyPair(prekeySeed).publicKey;
  const beacons = new Map<string, { bytes: Uint8Array; serial: number }>();
  const epochs = new Map<string, SeenEpoch>();
  const tlsSpkiHash = new Uint8Array(32).fill(7);
  const beacon: Counterpart['beacon'] = (serial, options = {}) => {
    const bytes = signBody(
      'beacon',
      {
        gateway: signer.thumbprint,
        serial,
        validFromMs: Math.floor(wall.nowMs()) - 1000,
        validUntilMs: options.until ?? Math.floor(wall.nowMs()) - 1000 + 86_400_000,
        prekey: options.prekey ?? prekey,
        suites: [1, 2],
        limits: { maxFrameBytes: 16_384, maxCount: 4096, maxSegmentMs: 120_000, skewMs: 5000, maxRecipients: 16 },
        credentialHash: null,
        key: signer.key,
        tlsSpkiHash,
      },
      signer,
    );
    beacons.set(hex(crypto.sha256(bytes)), { bytes, serial });
    return bytes;
  };
  const send = (bytes: Uint8Array) => {
    const { shard, text } = ports.device();
    broker.publish(topic.device(shard, text, 'd'), bytes);
  };
  const ctl: Counterpart['ctl'] = (eh, mt, content, n) => {
    const epoch = epochs.get(eh)!;
    return sealCtl(mt, epoch.oh, n ?? 2 ** 32 + epoch.n++, content, epoch.link!.down);
  };
  const me: Counterpart = {
    gateway: signer.thumbprint,
    tlsSpkiHash,
    epochs,
    conflicts: 0,
    disputes: 0,
    refusals: [],
    lost: [],
    byes: [],
    beacon,
    publishBeacon: (serial) => broker.publish(topic.beacon(hex8(tp8(signer.thumbprint))), beacon(serial), true),
    accepts: true,
    progress(eh, options = {}) {
      const epoch = epochs.get(eh)!;
      const carrier = options.carrier ?? eh;
      let seqBelow = 1;
      while (epoch.leaves.has(seqBelow)) seqBelow++;
      let segmentBelow = 0;
      while (epoch.closes.has(segmentBelow)) segmentBelow++;
      const content = encodeProgress({
        seqBelow: options.seqBelow ?? seqBelow,
        segmentBelow: options.segmentBelow ?? segmentBelow,
        ...(carrier === eh ? {} : { eh: epoch.oh.slice(0, 8) }),
      });
      send(ctl(carrier, CTL.progress, content));
    },
    nack: (eh, segment, want, ranges) =>
      send(ctl(eh, CTL.nack, encodeNack({ segment, want, ...(ranges === undefined ? {} : { ranges }) }))),
    err(eh, code, number, hint = false) {
      const content = encodeErr({ code, ...(number === undefined ? {} : { number }) });
      send(hint ? hintCtl(CTL.err, Buffer.from(eh, 'hex'), content) : ctl(eh, CTL.err, content));
    },
    ctl,
    send,
    resync: (device, boot, epoch, nonce) =>
      send(signBody('resync', { device, boot, epoch, nonce, timeMs: Math.floor(wall.nowMs()) }, signer)),
    sealed(eh) {
      const epoch = epochs.get(eh)!;
      const good: number[] = [];
      for (const [sg, { body }] of epoch.closes) {
        const leaves = Array.from({ length: body.count }, (_, i) => epoch.leaves.get(body.firstSeq + i));
        if (leaves.some((leaf) => leaf === undefined)) continue;
        if (hex(merkleRoot(leaves as Uint8Array[], crypto)) === hex(body.root)) good.push(sg);
      }
      return good.sort((a, b) => a - b);
    },
    dropKeys(eh) {
      epochs.get(eh)!.link = undefined;
    },
  };
  const takeFrame = (epoch: SeenEpoch, raw: Uint8Array, seq: number, leaf: Uint8Array) => {
    const known = epoch.frames.get(seq);
    if (known !== undefined && hex(known) !== hex(raw)) me.conflicts++;
    epoch.frames.set(seq, raw);
    epoch.leaves.set(seq, leaf);
    epoch.arrivals.push(seq);
  };
  /** @param carrier of the bulk that it came in. */
  const takeOpening = async (openBytes: Uint8Array, carrier?: string): Promise<void> => {
    const oh = openHash(openBytes, crypto);
    const eh = hex(oh.slice(0, 8));
    const known = epochs.get(eh);
    if (known !== undefined) {
      if (known.link !== undefined && me.accepts) acceptNow(eh);
      return;
    }
    const signed = parseSigned(openBytes, 'open');
    if (!verifySigned(signed, ports.device().key, crypto)) throw new Error('open signature');
    const open = signed.body;
    if ([...epochs.values()].some((e) => e.open.boot === open.boot && e.open.epoch === open.epoch)) {
      if (carrier === undefined) send(hintCtl(CTL.err, oh.slice(0, 8), encodeErr({ code: ERR.staleCounter })));
      else send(ctl(carrier, CTL.err, encodeErr({ code: ERR.staleCounter, eh: oh.slice(0, 8) })));
      throw new Error('counter-conflict');
    }
    let link: LinkKeys | undefined;
    if (carrier === undefined && open.gatewayWrap !== undefined && open.beaconHash !== undefined) {
      const used = beacons.get(hex(open.beaconHash));
      if (used === undefined) throw new Error('beacon foreign');
      const gwk = await openGatewayWrap(
        open.gatewayWrap,
        prekeySeed,
        {
          device: open.device,
          boot: open.boot,
          epoch: open.epoch,
          beaconHash: open.beaconHash,
          gatewayTp8: tp8(signer.thumbprint),
          serial: used.serial,
        },
        crypto,
      );
      link = linkKeys(oh, gwk, crypto);
    }
    epochs.set(eh, {
      open,
      openBytes,
      oh,
      link,
      byBulk: carrier !== undefined,
      keys: undefined,
      frames: new Map(),
      arrivals: [],
      leaves: new Map(),
      closes: new Map(),
      n: 0,
      accepted: false,
    });
  };
  const acceptNow = (eh: string) => {
    const epoch = epochs.get(eh)!;
    if (epoch.keys === undefined || epoch.link === undefined) return;
    epoch.accepted = true;
    send(ctl(eh, CTL.accept, encodeAccept({ oh: epoch.oh, timeMs: Math.floor(wall.nowMs()), flags: 0 })));
  };
  const takeClose = (raw: Uint8Array) => {
    const signed = parseSigned(raw, 'close');
    if (!verifySigned(signed, ports.device().key, crypto)) throw new Error('close signature');
    const epoch = epochs.get(hex(signed.body.oh.slice(0, 8)));
    if (epoch === undefined) throw new Error('close of unknown epoch');
    const known = epoch.closes.get(signed.body.segment);
    if (known !== undefined && hex(known.raw) !== hex(raw)) me.disputes++;
    epoch.closes.set(signed.body.segment, { body: signed.body, raw });
  };
  const takeWhole = async (bytes: Uint8Array, carrier: string): Promise<void> => {
    const message: Message = parseMessage(bytes);
    if (message.kind === 'opening') await takeOpening(message.open, carrier);
    else if (message.kind === 'keys') {
      const epoch = epochs.get(hex(message.eh));
      if (epoch !== undefined) epoch.keys = bytes;
    } else if (message.kind === 'signed') takeClose(bytes);
    else if (message.kind === 'frame') {
      const epoch = epochs.get(hex(message.eh));
      if (epoch === undefined) throw new Error('bulk frame of unknown epoch');
      takeFrame(epoch, bytes, message.seq, frameLeaf(message, epoch.oh, crypto));
    } else throw new Error('bulk content');
  };
  // One after the other, as a gateway that queues 0-RTT frames until the open is verified.
  const inOrder = createSerial();
  const takeBulk = async (carrier: string, parts: readonly Uint8Array[]): Promise<void> => {
    for (const part of parts) await takeWhole(part, carrier);
    for (const [eh, epoch] of epochs) if (epoch.leaves.size > 0 && eh !== carrier) me.progress(eh, { carrier });
  };
  const take = async (name: string, bytes: Uint8Array): Promise<void> => {
    const channel = name.at(-1);
    const message = parseMessage(bytes);
    try {
      if (channel === 'w') return;
      if (message.kind === 'lost') me.lost.push(message.nonce);
      else if (message.kind === 'opening') {
        await takeOpening(message.open);
        const eh = hex(openHash(message.open, crypto).slice(0, 8));
        if (me.accepts) acceptNow(eh);
      } else if (message.kind === 'keys') {
        const eh = hex(message.eh);
        const epoch = epochs.get(eh);
        if (epoch === undefined) throw new Error('keys of unknown epoch');
        epoch.keys = bytes;
        if (me.accepts && !epoch.accepted) acceptNow(eh);
      } else if (message.kind === 'frame') {
        const epoch = epochs.get(hex(message.eh));
        if (epoch?.link === undefined) throw new Error('frame without keys');
        const verified = checkFrameTag(message, epoch.oh, epoch.link.up, crypto);
        takeFrame(epoch, bytes, message.seq, verified.leaf);
      } else if (message.kind === 'ctl') {
        const epoch = epochs.get(hex(message.eh));
        if (epoch?.link === undefined) throw new Error('ctl without keys');
        openCtl(message, epoch.oh, epoch.link.up);
        if (message.mt === CTL.close) takeClose(message.content);
        else if (message.mt === CTL.bulk) await takeBulk(hex(message.eh), parseBulk(message.content));
        else if (message.mt === CTL.bye) me.byes.push(1);
        else if (message.mt === CTL.repair) {
          const repair = parseRepair(message.content);
          const about = repair.eh === undefined ? epoch : epochs.get(hex(repair.eh))!;
          for (const { seq, leaf } of repair.leaves) if (!about.leaves.has(seq)) about.leaves.set(seq, leaf);
        }
      }
    } catch (error) {
      me.refusals.push(`${channel}: ${(error as Error).message}`);
      throw error;
    }
  };
  broker.onPublish((_client, name, bytes) => inOrder(() => take(name, bytes)));
  return me;
}
