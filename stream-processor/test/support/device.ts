import type { CryptoProvider } from '@pulseseal/crypto';
import { codeEntry, codes } from '@pulseseal/firmware-profiles';
import {
  type Close,
  cardHash,
  commitment,
  createMessageSigner,
  encodeBeat,
  encodeBlock,
  encodeCard,
  encodeKeys,
  encodeLeaves,
  encodeOpening,
  encodeReceipt,
  encodeReceiptMessage,
  encodeValues,
  type FrameType,
  type Item,
  inclusionPath,
  issueCwt,
  linkKeys,
  logLeaf,
  type Manifest,
  type MessageSigner,
  merkleRoot,
  type Open,
  type OpenStream,
  openHash,
  type ScopeChain,
  type SegmentKey,
  scopeChain,
  sealFrame,
  sealGatewayWrap,
  sealRecipientWrap,
  signBody,
  signRoot,
} from '@pulseseal/protocol';
import { createSeededRandom, type Random } from '@pulseseal/runtime';

/** An honest device, its owner and its gateway, made of the protocol's own functions. */
export interface Circle {
  readonly crypto: CryptoProvider;
  readonly random: Random;
  readonly owner: MessageSigner;
  readonly gateway: MessageSigner;
  readonly gatewayPrekey: Uint8Array;
  readonly device: MessageSigner;
  readonly rid: Uint8Array;
  readonly prekeySeed: Uint8Array;
  readonly prekey: Uint8Array;
  readonly endorse: Uint8Array;
}

export const T0 = 1_700_000_000_000;
const DAY_MS = 24 * 3600 * 1000;

export function createCircle(crypto: CryptoProvider, seed = 1, suite: 1 | 2 = 1): Circle {
  const random = createSeededRandom(seed);
  const owner = createMessageSigner('ML-DSA-65', random.bytes(32), crypto);
  const gateway = createMessageSigner('ML-DSA-65', random.bytes(32), crypto);
  const device = createMessageSigner(suite === 1 ? 'ML-DSA-44' : 'ML-DSA-65', random.bytes(32), crypto);
  const prekeySeed = random.bytes(32);
  return {
    crypto,
    random,
    owner,
    gateway,
    gatewayPrekey: crypto.xwingKeyPair(random.bytes(32)).publicKey,
    device,
    rid: random.bytes(8),
    prekeySeed,
    prekey: crypto.xwingKeyPair(prekeySeed).publicKey,
    endorse: issueCwt('endorse', owner, device.key, { issuedMs: T0 - DAY_MS, expiresMs: T0 + 365 * DAY_MS }, crypto),
  };
}

export function makeBeacon(
  circle: Circle,
  gateway = circle.gateway,
  suites: readonly number[] = [1, 2],
  fromMs = T0 - 1000,
): Uint8Array {
  return signBody(
    'beacon',
    {
      gateway: gateway.thumbprint,
      serial: 7,
      validFromMs: fromMs,
      validUntilMs: fromMs + DAY_MS,
      prekey: circle.gatewayPrekey,
      suites,
      limits: { maxFrameBytes: 16_384, maxCount: 4_096, maxSegmentMs: 120_000, skewMs: 5_000, maxRecipients: 16 },
      credentialHash: null,
      key: gateway.key,
      tlsSpkiHash: null,
    },
    gateway,
  );
}

export function manifestBody(circle: Circle, scopes: readonly number[] = [0, 1, 2]): Manifest {
  const other = circle.crypto.xwingKeyPair(new Uint8Array(32).fill(9)).publicKey;
  const consent = new Uint8Array(32);
  const entry = { prekeyId: 1, expiresMs: T0 + 30 * DAY_MS, consent };
  return {
    pseudonym: new Uint8Array(16).fill(3),
    device: circle.device.thumbprint,
    version: 1,
    validFromMs: T0 - DAY_MS,
    validUntilMs: T0 + 30 * DAY_MS,
    recipients: [
      { ...entry, rid: new Uint8Array(8).fill(0xaa), prekey: other, scopes: [0, 1, 2], role: 2 },
      { ...entry, rid: circle.rid, prekey: circle.prekey, scopes, role: 1 },
    ],
    suites: [1, 2],
    previous: null,
    consentRoot: new Uint8Array(32),
    policy: { maxEpochS: 3600, rekeyGraceS: 60, maxStaleS: 86_400 },
    gateways: [circle.gateway.thumbprint],
  };
}

const row = (signal: keyof typeof codes, rateMilliHz: number, block = 1, scale: Item['scale'] = [1, 0, 0]): Item => ({
  code: codes[signal],
  unit: codeEntry(codes[signal])!.mdcUnit,
  scale,
  rateMilliHz,
  block,
  codec: 0,
  site: 0,
});

export const ECG_BLOCK = 25;

/** Stream 1 vitals (scope 1), 2 charted (scope 1), 3 ECG (scope 2). */
export const STREAMS: readonly OpenStream[] = [
  { id: 0, scope: 0, streamClass: 0, pad: 16 },
  { id: 1, scope: 1, streamClass: 1, pad: 24 },
  { id: 2, scope: 1, streamClass: 1, pad: 24 },
  { id: 3, scope: 2, streamClass: 2, pad: 0 },
];
const CARDS: ReadonlyMap<number, Uint8Array> = new Map([
  [
    1,
    encodeCard({
      salt: new Uint8Array(16).fill(1),
      streams: new Map([
        [1, [row('heartRate', 1000), row('spo2', 1000)]],
        [2, [row('nibpSystolic', 0, 1, [1, -1, 0]), row('nibpDiastolic', 0, 1, [1, -1, 0])]],
      ]),
    }),
  ],
  [2, encodeCard({ salt: new Uint8Array(16).fill(2), streams: new Map([[3, [row('ecgLeadI', 25_000, ECG_BLOCK)]]]) })],
]);

export interface EpochOptions {
  readonly boot?: number;
  readonly epoch?: number;
  readonly t0Ms?: number;
  readonly isOffline?: boolean;
  readonly scopes?: readonly number[];
  readonly segmentMs?: number;
  readonly manifest?: Manifest;
  readonly manifestSigner?: MessageSigner;
  readonly beacon?: Uint8Array;
  readonly endorse?: Uint8Array;
  readonly signer?: MessageSigner;
  /** Changes the open before it is signed. */
  readonly change?: (open: Open) => Open;
  /** Secrets that are wrapped for us instead of the committed ones. */
  readonly wrapped?: (secrets: ReadonlyMap<number, Uint8Array>) => ReadonlyMap<number, Uint8Array>;
  readonly wrapFor?: { readonly boot?: number; readonly rid?: Uint8Array; readonly prekeyId?: number };
}

export type Epoch = Awaited<ReturnType<typeof openEpoch>>;

export async function openEpoch(circle: Circle, options: EpochOptions = {}) {
  const { crypto, random } = circle;
  const { boot = 1, epoch = 1, t0Ms = T0, isOffline = false, segmentMs = 60_000 } = options;
  const body = options.manifest ?? manifestBody(circle, options.scopes);
  const manifest = signBody('manifest', body, options.manifestSigner ?? circle.owner);
  const manifestHash = crypto.sha256(manifest);
  const beacon = options.beacon ?? makeBeacon(circle);
  const beaconHash = crypto.sha256(beacon);
  const device = circle.device.thumbprint;
  const gwk = random.bytes(32);
  const ackSecret = random.bytes(32);
  const secrets = new Map([0, 1, 2].map((scope) => [scope, random.bytes(32)]));
  const place = body.recipients.findIndex((entry) => entry.rid.every((b, i) => b === circle.rid[i]));
  const own = body.recipients[place];
  const granted = new Map([...secrets].filter(([scope]) => own?.scopes.includes(scope) ?? true));
  const rid = options.wrapFor?.rid ?? circle.rid;
  const wrap = await sealRecipientWrap(
    { scopes: options.wrapped?.(granted) ?? granted, ack: ackSecret },
    circle.prekey,
    { rid, prekeyId: options.wrapFor?.prekeyId ?? 1, device, boot: options.wrapFor?.boot ?? boot, epoch, manifestHash },
    crypto,
  );
  const gatewayWrap = await sealGatewayWrap(
    gwk,
    circle.gatewayPrekey,
    { device, boot, epoch, beaconHash, gatewayTp8: circle.gateway.thumbprint.subarray(0, 8), serial: 7 },
    crypto,
  );
  const plain: Open = {
    device,
    boot,
    epoch,
    ...(isOffline ? {} : { beaconHash, gatewayWrap }),
    manifestVersion: body.version,
    manifestHash,
    streams: STREAMS,
    clock: { t0Ms, uncertaintyMs: 100, source: 1 },
    maxFrames: 4_096,
    segmentMs,
    heartbeatMs: 5_000,
    ackTimeoutMs: 300_000,
    previousClose: null,
    commitments: new Map([...secrets].map(([s, es]) => [s, commitment(es, device, boot, epoch, s, crypto)])),
    wrapHashes: body.recipients.map((_, i) => (i === place ? crypto.sha256(wrap) : new Uint8Array(32).fill(i))),
    reason: 1,
    cardHashes: new Map([...CARDS].map(([scope, card]) => [scope, cardHash(card, crypto)])),
    suite: circle.device.algorithm === 'ML-DSA-44' ? 1 : 2,
  };
  const signer = options.signer ?? circle.device;
  const open = signBody('open', options.change?.(plain) ?? plain, signer);
  const oh = openHash(open, crypto);
  const eh = oh.slice(0, 8);
  const link = isOffline ? undefined : linkKeys(oh, gwk, crypto);
  const chains = new Map<number, ScopeChain>([...secrets].map(([s, es]) => [s, scopeChain(es, oh, crypto)]));
  let keys: Map<number, SegmentKey>;
  let sg = -1;
  let firstSeq = 1;
  let nextSeq = 1;
  let previousClose = oh;
  let leaves: Uint8Array[] = [];
  const last = new Map<number, number>();
  const counts = new Map<number, number>();
  const nextSegment = () => {
    sg++;
    keys = new Map([...chains].map(([s, chain]) => [s, chain.take(sg)]));
    firstSeq = nextSeq;
    leaves = [];
    counts.clear();
  };
  nextSegment();
  const frame = (ft: FrameType, st: number, payload: Uint8Array, dt: number): Uint8Array => {
    const stream = STREAMS.find((s) => s.id === st)!;
    const seq = nextSeq++;
    const prev = last.get(st) ?? 0;
    const sealed = sealFrame(
      { ft, oh, sg, st, seq, dt, prev, payload, pad: stream.pad },
      keys.get(stream.scope)!,
      link?.up,
      crypto,
    );
    last.set(st, seq);
    counts.set(st, (counts.get(st) ?? 0) + 1);
    leaves.push(sealed.leaf);
    return sealed.raw;
  };
  return {
    open,
    oh,
    eh,
    wrap,
    manifest,
    beacon,
    endorse: options.endorse ?? circle.endorse,
    secrets,
    ackSecret,
    cards: CARDS,
    /** endorse, manifest, beacon, opening, own wrap: as the edge sends them. */
    papers(): Uint8Array[] {
      const own = [options.endorse ?? circle.endorse, manifest];
      return [...own, ...(isOffline ? [] : [beacon]), encodeOpening(open), encodeKeys(eh, [wrap])];
    },
    get seq() {
      return nextSeq - 1;
    },
    get segment() {
      return sg;
    },
    frame,
    card: (scope: 1 | 2, dt = 0) => frame(0, scope === 1 ? 1 : 3, CARDS.get(scope)!, dt),
    vitals: (values: ReadonlyMap<number, number>, dt: number, ft: 1 | 3 = 1) => frame(ft, 1, encodeValues(values), dt),
    pressure: (systolic: number, diastolic: number, dt: number) =>
      frame(
        1,
        2,
        encodeValues(
          new Map([
            [0, systolic * 10],
            [1, diastolic * 10],
          ]),
        ),
        dt,
      ),
    ecg: (samples: Int16Array, dt: number, quality = 90) => frame(1, 3, encodeBlock(quality, samples), dt),
    beat(dt: number, state: 0 | 1 | 2 | 3 = 0, flags = 1) {
      const streams = STREAMS.slice(1).map((s) => ({
        st: s.id,
        last: last.get(s.id) ?? 0,
        count: counts.get(s.id) ?? 0,
        flags,
      }));
      return frame(2, 0, encodeBeat({ streams, batteryPercent: 88, state }), dt);
    },
    /** The signed close of the segment; begins the next one. `change` alters it before it is signed. */
    close(dt: number, change: (close: Close) => Close = (c) => c) {
      const table = leaves;
      const body: Close = change({
        oh,
        segment: sg,
        firstSeq,
        count: leaves.length,
        root: merkleRoot(leaves, crypto),
        previous: previousClose,
        dt,
        sealed: nextSeq - 1,
        dropped: 0,
        unacknowledged: 0,
        kcv: new Map([...keys].map(([s, key]) => [s, key.kcv])),
      });
      const raw = signBody('close', body, signer);
      const made = { raw, body, leaves: encodeLeaves(eh, body.segment, body.firstSeq, table), table };
      previousClose = crypto.sha256(raw);
      nextSegment();
      return made;
    },
    /** A gateway's receipt of a close as the only entry beside one other, and the root it signs. */
    receipt(close: { readonly raw: Uint8Array; readonly body: Close }, gateway = circle.gateway) {
      const log = [new Uint8Array(32).fill(1), logLeaf(close.raw, crypto)];
      const root = merkleRoot(log, crypto);
      const path = inclusionPath(log, 1, crypto);
      const receipt = encodeReceipt(gateway.thumbprint, { size: 2, index: 1, path }, signRoot(root, gateway, 2));
      return { message: encodeReceiptMessage(eh, close.body.segment, receipt), size: 2, root };
    },
    key: (scope: number) => keys.get(scope)!,
  };
}
