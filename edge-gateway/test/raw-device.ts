import type { CryptoProvider, PreparedHmac } from '@pulseseal/crypto';
import {
  type Beacon,
  type Close,
  CTL,
  cardHash,
  commitment,
  ehOf,
  encodeCard,
  encodeKeys,
  encodeOpening,
  encodeValues,
  type FrameType,
  issueCwt,
  type LinkKeys,
  linkKeys,
  type Manifest,
  type MessageSigner,
  merkleRoot,
  type Open,
  openHash,
  parseCtl,
  parseSigned,
  type ScopeChain,
  type SegmentKey,
  scopeChain,
  sealCtl,
  sealFrame,
  sealGatewayWrap,
  sealPre,
  sealRecipientWrap,
  shardOf,
  signBody,
  thumbprint,
  topic,
  tp8,
} from '@pulseseal/protocol';
import { type TestIdentity, testIdentity } from './client.ts';

/** A wearable reduced to the bytes it sends: what the real device library does, without its care. */
export interface RawDevice extends TestIdentity {
  readonly topics: Record<'o' | 'u' | 'c' | 'd' | 'e' | 'm' | 'w', string>;
}

export interface RawCircle {
  readonly owner: TestIdentity;
  readonly device: RawDevice;
  readonly recipient: { readonly rid: Uint8Array; readonly seed: Uint8Array; readonly prekey: Uint8Array };
  readonly endorse: Uint8Array;
  readonly manifest: Uint8Array;
}

export function rawCircle(
  gateways: readonly Uint8Array[],
  crypto: CryptoProvider,
  random: () => Uint8Array,
  changes: Partial<Manifest> = {},
  algorithm: 'ML-DSA-44' | 'ML-DSA-65' = 'ML-DSA-44',
): RawCircle {
  const owner = testIdentity('ML-DSA-65', crypto, random);
  const identity = testIdentity(algorithm, crypto, random);
  const shard = shardOf(identity.signer.thumbprint, crypto);
  const channel = (c: 'o' | 'u' | 'c' | 'd' | 'e' | 'm' | 'w') => topic.device(shard, identity.name, c);
  const topics = {
    o: channel('o'),
    u: channel('u'),
    c: channel('c'),
    d: channel('d'),
    e: channel('e'),
    m: channel('m'),
    w: channel('w'),
  };
  const seed = random();
  const recipient = { rid: random().slice(0, 8), seed, prekey: crypto.xwingKeyPair(seed).publicKey };
  const nowMs = Date.now();
  const times = { issuedMs: nowMs, expiresMs: nowMs + 365 * 86_400_000 };
  const endorse = issueCwt('endorse', owner.signer, identity.signer.key, times, crypto);
  const body: Manifest = {
    pseudonym: random().slice(0, 16),
    device: identity.signer.thumbprint,
    version: 1,
    validFromMs: nowMs - 1000,
    validUntilMs: nowMs + 86_400_000,
    recipients: [
      {
        rid: recipient.rid,
        prekeyId: 1,
        prekey: recipient.prekey,
        scopes: [0, 1],
        expiresMs: nowMs + 86_400_000,
        consent: random(),
        role: 1,
      },
    ],
    suites: [1],
    previous: null,
    consentRoot: random(),
    policy: { maxEpochS: 3600, rekeyGraceS: 60, maxStaleS: 86_400 },
    gateways,
    ...changes,
  };
  return {
    owner,
    device: { ...identity, topics },
    recipient,
    endorse,
    manifest: signBody('manifest', body, owner.signer),
  };
}

export interface RawEpoch {
  readonly open: Uint8Array;
  readonly oh: Uint8Array;
  readonly opening: Uint8Array;
  readonly keys: Uint8Array;
  readonly link: LinkKeys;
  readonly leaves: Uint8Array[];
  frame(over?: FrameOverride): { raw: Uint8Array; leaf: Uint8Array; seq: number };
  /** Closes what was made since the last close. */
  close(over?: Partial<Close>): { bare: Uint8Array; ctl: Uint8Array; body: Close };
  ctl(mt: Parameters<typeof sealCtl>[0], content: Uint8Array): Uint8Array;
  /** Content of a ctl that came down, if its tag is right. */
  read(bytes: Uint8Array): { mt: number; n: number; content: Uint8Array; isAuthentic: boolean };
}

export interface FrameOverride {
  readonly ft?: FrameType;
  readonly st?: number;
  readonly seq?: number;
  readonly sg?: number;
  readonly dt?: number;
  readonly value?: number;
  readonly payload?: Uint8Array;
  readonly up?: PreparedHmac;
}

export interface EpochOptions {
  readonly boot?: number;
  readonly epoch?: number;
  readonly beacon: Uint8Array;
  readonly pre?: RawEpoch;
  readonly changes?: Partial<Open>;
  readonly isOffline?: boolean;
  readonly signer?: MessageSigner;
}

export async function rawEpoch(
  circle: RawCircle,
  options: EpochOptions,
  crypto: CryptoProvider,
  random: () => Uint8Array,
): Promise<RawEpoch> {
  const { device, recipient } = circle;
  const beacon: Beacon = parseSigned(options.beacon, 'beacon').body;
  const dev = device.signer.thumbprint;
  const { boot = 1, epoch = 1 } = options;
  const gwk = random();
  const secrets = new Map([
    [0, random()],
    [1, random()],
  ]);
  const name = { device: dev, boot, epoch };
  const beaconHash = crypto.sha256(options.beacon);
  const gatewayTp8 = tp8(thumbprint(beacon.key, crypto));
  const gatewayWrap = await sealGatewayWrap(
    gwk,
    beacon.prekey,
    { ...name, beaconHash, gatewayTp8, serial: beacon.serial },
    crypto,
  );
  const manifestHash = crypto.sha256(circle.manifest);
  const wrap = await sealRecipientWrap(
    { scopes: secrets, ack: random() },
    recipient.prekey,
    { ...name, rid: recipient.rid, prekeyId: 1, manifestHash },
    crypto,
  );
  const card = encodeCard({ salt: random().slice(0, 16), streams: new Map([[1, []]]) });
  const body: Open = {
    ...name,
    ...(options.isOffline === true ? {} : { beaconHash, gatewayWrap }),
    manifestVersion: parseSigned(circle.manifest, 'manifest').body.version,
    manifestHash,
    streams: [
      { id: 0, scope: 0, streamClass: 0, pad: 16 },
      { id: 1, scope: 1, streamClass: 1, pad: 8 },
    ],
    clock: { t0Ms: Date.now(), uncertaintyMs: 10, source: 4 },
    maxFrames: 4096,
    segmentMs: 60_000,
    heartbeatMs: 5_000,
    ackTimeoutMs: 300_000,
    previousClose: null,
    commitments: new Map([...secrets].map(([s, es]) => [s, commitment(es, dev, boot, epoch, s, crypto)])),
    wrapHashes: [crypto.sha256(wrap)],
    reason: options.isOffline === true ? 5 : 1,
    cardHashes: new Map([[1, cardHash(card, crypto)]]),
    suite: 1,
    ...options.changes,
  };
  const open = signBody('open', body, options.signer ?? device.signer);
  const oh = openHash(open, crypto);
  const link = linkKeys(oh, gwk, crypto);
  const pre = options.pre && sealPre(open, options.pre.oh, options.pre.link.pre);
  const chains = new Map<number, ScopeChain>([...secrets].map(([s, es]) => [s, scopeChain(es, oh, crypto)]));
  let segment = 0;
  let keys = new Map<number, SegmentKey>([...chains].map(([s, chain]) => [s, chain.take(0)]));
  let seq = 0;
  let first = 1;
  let last: Uint8Array = oh;
  let n = 0;
  const leaves: Uint8Array[] = [];
  return {
    open,
    oh,
    opening: encodeOpening(open, pre),
    keys: encodeKeys(ehOf(oh), [wrap]),
    link,
    leaves,
    frame(over = {}) {
      const own = over.seq ?? ++seq;
      const st = over.st ?? 1;
      const sealed = sealFrame(
        {
          ft: over.ft ?? 1,
          oh,
          sg: over.sg ?? segment,
          st,
          seq: own,
          dt: over.dt ?? own * 1000,
          prev: 0,
          payload: over.payload ?? encodeValues(new Map([[0, over.value ?? 90 + (own % 9)]])),
          pad: st === 0 ? 16 : 8,
        },
        keys.get(st === 0 ? 0 : 1)!,
        options.isOffline === true ? undefined : (over.up ?? link.up),
        crypto,
      );
      if (over.seq === undefined) leaves.push(sealed.leaf);
      return { raw: sealed.raw, leaf: sealed.leaf, seq: own };
    },
    close(over = {}) {
      const of = leaves.slice(first - 1);
      const closing: Close = {
        oh,
        segment,
        firstSeq: first,
        count: of.length,
        root: merkleRoot(of, crypto),
        previous: last,
        dt: seq * 1000,
        sealed: leaves.length,
        dropped: 0,
        unacknowledged: 0,
        kcv: new Map([...keys].map(([s, key]) => [s, key.kcv])),
        ...over,
      };
      const bare = signBody('close', closing, device.signer);
      last = crypto.sha256(bare);
      first += of.length;
      segment++;
      keys = new Map([...chains].map(([s, chain]) => [s, chain.take(segment)]));
      return { bare, ctl: sealCtl(CTL.close, oh, ++n, bare, link.up), body: closing };
    },
    ctl: (mt, content) => sealCtl(mt, oh, ++n, content, link.up),
    read(bytes) {
      const ctl = parseCtl(bytes);
      const expected = sealCtl(ctl.mt, oh, ctl.n, ctl.content, link.down);
      const isAuthentic = Buffer.compare(expected, bytes) === 0;
      return { mt: ctl.mt, n: ctl.n, content: ctl.content, isAuthentic };
    },
  };
}
