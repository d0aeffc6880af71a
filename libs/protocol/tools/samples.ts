import type { PreparedHmac } from '@pulseseal/crypto';
import {
  ackKey,
  type Close,
  CTL,
  type CtlNumber,
  claimMac,
  commitment,
  createMerkleTree,
  encodeAccept,
  encodeAsk,
  encodeBeat,
  encodeBlock,
  encodeBulk,
  encodeBye,
  encodeCard,
  encodeEdge,
  encodeErr,
  encodeGaps,
  encodeGone,
  encodeGrant,
  encodeKeys,
  encodeLeaves,
  encodeLogin,
  encodeLost,
  encodeNack,
  encodeOpening,
  encodeProgress,
  encodeReceipt,
  encodeReceiptMessage,
  encodeRekey,
  encodeRepair,
  encodeValues,
  hintCtl,
  type LinkKeys,
  linkKeys,
  logId,
  logLeaf,
  merkleRoot,
  type Open,
  openHash,
  type SegmentKey,
  scopeChain,
  sealCtl,
  sealFrame,
  sealGatewayWrap,
  sealGrant,
  sealPre,
  sealRack,
  sealRecipientWrap,
  signBody,
  signRoot,
  thumbprint,
} from '../src/mod.ts';
import { BOOT, EPOCH, manifestOf, STREAMS, T0_MS, type World } from './world.ts';

/** A frame of the sample epoch before and after sealing. */
export interface SampleFrame {
  readonly ft: 0 | 1 | 2 | 3;
  readonly st: number;
  readonly seq: number;
  readonly dt: number;
  readonly prev: number;
  readonly payload: Uint8Array;
  readonly pad: number;
  readonly scope: number;
}

/** One whole epoch with every message of version 1, signed, wrapped, sealed. */
export interface Samples {
  /** Message name -> bytes. */
  readonly messages: ReadonlyMap<string, Uint8Array>;
  readonly oh: Uint8Array;
  readonly open: Open;
  readonly gwk: Uint8Array;
  readonly ackSecret: Uint8Array;
  readonly es: ReadonlyMap<number, Uint8Array>;
  readonly cards: ReadonlyMap<number, Uint8Array>;
  readonly link: LinkKeys;
  readonly ack: PreparedHmac;
  readonly segmentKeys: ReadonlyMap<number, SegmentKey>;
  readonly frames: readonly SampleFrame[];
  readonly leaves: readonly Uint8Array[];
  readonly manifestHash: Uint8Array;
  readonly beaconHash: Uint8Array;
}

export const SERIAL = 12;
export const TENANT = 'ward 7';

const scale = [1, 0, 0] as const;
const item = (code: number, unit: number, block = 1, rateMilliHz = 1000) =>
  ({ code, unit, scale, rateMilliHz, block, codec: 0, site: 0 }) as const;

export async function createSamples(w: World): Promise<Samples> {
  const { crypto } = w;
  const messages = new Map<string, Uint8Array>();
  const add = (name: string, bytes: Uint8Array) => {
    messages.set(name, bytes);
    return bytes;
  };
  const hash = (bytes: Uint8Array) => crypto.sha256(bytes);

  const beacon = add(
    'beacon',
    signBody(
      'beacon',
      {
        gateway: w.gateway.thumbprint,
        serial: SERIAL,
        validFromMs: T0_MS,
        validUntilMs: T0_MS + 86_400_000,
        prekey: w.gatewayPrekey.publicKey,
        suites: [1, 2],
        limits: { maxFrameBytes: 16_384, maxCount: 4096, maxSegmentMs: 120_000, skewMs: 5000, maxRecipients: 16 },
        credentialHash: w.seed('operator credential'),
        key: w.gateway.key,
        tlsSpkiHash: w.seed('spki'),
      },
      w.gateway,
    ),
  );
  const manifest = add('manifest', signBody('manifest', manifestOf(w, 4), w.owner));
  add('manifest, 1 recipient', signBody('manifest', manifestOf(w, 1), w.owner));
  add('manifest, 8 recipients', signBody('manifest', manifestOf(w, 8), w.owner));
  const manifestHash = hash(manifest);
  const beaconHash = hash(beacon);
  const times = { expiresS: T0_MS / 1000 + 31_536_000, issuedS: T0_MS / 1000 };
  add(
    'devcert',
    signBody(
      'devcert',
      {
        issuer: w.manufacturer.thumbprint,
        subject: w.attestation.thumbprint,
        ...times,
        key: w.attestation.key,
        ueid: w.bytes('ueid', 17),
        hardwareModel: w.bytes('model', 4),
        softwareName: 'strap 1.0',
      },
      w.manufacturer,
    ),
  );
  add(
    'endorse',
    signBody(
      'endorse',
      {
        issuer: w.owner.thumbprint,
        subject: w.device.thumbprint,
        ...times,
        key: w.device.key,
        issuerKey: w.owner.key,
      },
      w.owner,
    ),
  );
  const session = add(
    'session',
    signBody(
      'session',
      {
        issuer: w.device.thumbprint,
        subject: w.transport.thumbprint,
        ...times,
        key: w.transport.key,
        issuerKey: w.device.key,
      },
      w.device,
    ),
  );
  const token = add(
    'token',
    signBody(
      'token',
      {
        identity: w.device.thumbprint,
        gateway: w.gateway.thumbprint,
        expiresMs: T0_MS + 60_000,
        exporter: w.seed('exporter'),
      },
      w.transport,
    ),
  );
  add('login password', encodeLogin(session, token));

  // The epoch.
  const es = new Map([0, 1, 2].map((s) => [s, w.seed(`es ${s}`)]));
  const ackSecret = w.seed('ack');
  const gwk = w.seed('gwk');
  const cards = new Map([
    [
      1,
      encodeCard({
        salt: w.bytes('salt 1', 16),
        streams: new Map([
          [1, [item(147_842, 264_864), item(150_456, 262_688), item(149_530, 264_864)]],
          [3, [item(150_364, 268_192, 1, 0)]],
        ]),
      }),
    ],
    [2, encodeCard({ salt: w.bytes('salt 2', 16), streams: new Map([[2, [item(131_329, 266_418, 125, 125_000)]]]) })],
  ]);
  const name = { device: w.device.thumbprint, boot: BOOT, epoch: EPOCH };
  const gatewayWrap = add(
    'wrap for the gateway',
    await sealGatewayWrap(
      gwk,
      w.gatewayPrekey.publicKey,
      { ...name, beaconHash, gatewayTp8: w.gateway.thumbprint.subarray(0, 8), serial: SERIAL },
      crypto,
      w.bytes('coins gw', 64),
    ),
  );
  const entries = manifestOf(w, 4).recipients;
  const wraps: Uint8Array[] = [];
  for (const [i, r] of entries.entries()) {
    wraps.push(
      await sealRecipientWrap(
        { scopes: es, ack: ackSecret },
        r.prekey,
        { ...name, rid: r.rid, prekeyId: r.prekeyId, manifestHash },
        crypto,
        w.bytes(`coins ${i}`, 64),
      ),
    );
  }
  add('wrap for a recipient', wraps[0]!);
  const open: Open = {
    ...name,
    beaconHash,
    gatewayWrap,
    manifestVersion: 7,
    manifestHash,
    streams: STREAMS,
    clock: { t0Ms: T0_MS + 5000, uncertaintyMs: 40, source: 1 },
    maxFrames: 4096,
    segmentMs: 60_000,
    heartbeatMs: 5000,
    ackTimeoutMs: 300_000,
    previousClose: w.seed('last close before'),
    commitments: new Map([...es].map(([s, key]) => [s, commitment(key, name.device, BOOT, EPOCH, s, crypto)])),
    wrapHashes: wraps.map(hash),
    reason: 0,
    cardHashes: new Map([...cards].map(([s, card]) => [s, hash(card)])),
    suite: 1,
  };
  const openBytes = add('open', signBody('open', open, w.device));
  add('open, suite 2', signBody('open', { ...open, device: w.device2.thumbprint, suite: 2 }, w.device2));
  const { beaconHash: _b, gatewayWrap: _g, ...offline } = open;
  add(
    'open, offline',
    signBody(
      'open',
      {
        ...offline,
        wrapHashes: [...open.wrapHashes.slice(0, 3), null],
        previousClose: null,
        reason: 5,
        attestationHash: w.seed('evidence'),
      },
      w.device,
    ),
  );
  const oh = openHash(openBytes, crypto);
  const eh = oh.subarray(0, 8);
  const link = linkKeys(oh, gwk, crypto);
  const ack = ackKey(oh, ackSecret, crypto);
  const segmentKeys = new Map([...es].map(([s, key]) => [s, scopeChain(key, oh, crypto).take(0)]));

  const beat = encodeBeat({
    streams: [
      { st: 1, last: 5, count: 3, flags: 1 },
      { st: 2, last: 4, count: 2, flags: 1 },
      { st: 3, last: 6, count: 1, flags: 0 },
    ],
    batteryPercent: 88,
    state: 0,
  });
  const samples = new Int16Array(125).map((_, i) => Math.round(900 * Math.sin(i / 7)));
  samples[60] = -32_768;
  const vitals = new Map([
    [0, 91],
    [1, 97],
    [2, 90],
  ]);
  const frames: SampleFrame[] = [
    { ft: 0, st: 1, seq: 1, dt: 10, prev: 0, payload: cards.get(1)!, pad: 24, scope: 1 },
    { ft: 0, st: 2, seq: 2, dt: 12, prev: 0, payload: cards.get(2)!, pad: 0, scope: 2 },
    { ft: 1, st: 1, seq: 3, dt: 1000, prev: 1, payload: encodeValues(vitals), pad: 24, scope: 1 },
    { ft: 1, st: 2, seq: 4, dt: 1001, prev: 2, payload: encodeBlock(97, samples), pad: 0, scope: 2 },
    { ft: 1, st: 1, seq: 5, dt: 2000, prev: 3, payload: encodeValues(new Map([[0, 92]])), pad: 24, scope: 1 },
    { ft: 3, st: 3, seq: 6, dt: 2100, prev: 0, payload: encodeValues(new Map([[0, 391]])), pad: 8, scope: 1 },
    { ft: 2, st: 0, seq: 7, dt: 5000, prev: 0, payload: beat, pad: 16, scope: 0 },
  ];
  const sealed = frames.map((f) => sealFrame({ ...f, oh, sg: 0 }, segmentKeys.get(f.scope)!, link.up, crypto));
  const names = [
    'frame, card',
    'frame, card of scope 2',
    'frame, data',
    'frame, waveform',
    'frame, one value',
    'frame, urgent',
  ];
  sealed.forEach((s, i) => {
    add(names[i] ?? 'frame, heartbeat', s.raw);
  });
  add('frame, offline', sealFrame({ ...frames[2]!, oh, sg: 0 }, segmentKeys.get(1)!, undefined, crypto).raw);
  const leaves = sealed.map((s) => s.leaf);

  const close: Close = {
    oh,
    segment: 0,
    firstSeq: 1,
    count: frames.length,
    root: merkleRoot(leaves, crypto),
    previous: oh,
    dt: 5001,
    sealed: 7,
    dropped: 0,
    unacknowledged: 2,
    kcv: new Map([...segmentKeys].map(([s, key]) => [s, key.kcv])),
  };
  const closeBytes = add('close', signBody('close', close, w.device));
  add('close, suite 2', signBody('close', close, w.device2));
  const inline = new Uint8Array(leaves.length * 32);
  leaves.forEach((leaf, i) => {
    inline.set(leaf, i * 32);
  });
  add('close, inline leaves and last', signBody('close', { ...close, leaves: inline, last: 4 }, w.device));

  // The log: open, close and others' entries.
  const tree = createMerkleTree(crypto);
  for (const entry of [w.seed('entry 0'), logLeaf(openBytes, crypto), logLeaf(closeBytes, crypto), w.seed('entry 3')])
    tree.append(entry);
  tree.append(w.seed('entry 4'));
  add(
    'sth',
    signBody(
      'sth',
      {
        gateway: w.gateway.thumbprint,
        logId: logId(w.gateway.thumbprint, TENANT, crypto),
        size: 5,
        root: tree.root(),
        batch: 1,
        previous: w.seed('sth before'),
        firstArrivalMs: T0_MS + 5001,
        lastArrivalMs: T0_MS + 9999,
      },
      w.gateway,
    ),
  );
  const receipt = add(
    'cose receipt',
    encodeReceipt(
      w.gateway.thumbprint,
      { size: 5, index: 2, path: tree.inclusion(2) },
      signRoot(tree.root(), w.gateway, 5),
    ),
  );

  add('opening', encodeOpening(openBytes, sealPre(openBytes, oh, link.pre)));
  add('opening, without pre', encodeOpening(openBytes));
  add('keys', encodeKeys(eh, wraps));
  add('lost', encodeLost(w.bytes('lost', 16)));
  add('gone', encodeGone());
  add('rack', sealRack({ rid: entries[0]!.rid, seq: 7, sg: 1, missing: 0, timeMs: T0_MS + 6000 }, oh, ack));
  add('leaves', encodeLeaves(eh, 0, 1, leaves));
  const secrets = {
    'release, epoch': { kind: 'epoch', es: es.get(1)! },
    'release, from': { kind: 'from', segment: 3, ck: w.seed('ck') },
    'release, segments': { kind: 'segments', sk: new Map([[0, segmentKeys.get(1)!.secret]]) },
  } as const;
  for (const [title, secret] of Object.entries(secrets)) {
    add(
      title,
      signBody(
        'release',
        {
          oh,
          scope: title === 'release, from' ? 0 : 1,
          consent: w.seed('consent'),
          secret,
          ...(title === 'release, from' ? {} : { card: cards.get(1)! }),
        },
        w.owner,
      ),
    );
  }
  const grantWrap = await sealGrant(
    messages.get('release, epoch')!,
    entries[1]!.prekey,
    entries[1]!.rid,
    entries[1]!.prekeyId,
    oh,
    crypto,
    w.bytes('coins grant', 64),
  );
  add('grant', encodeGrant(eh, grantWrap));
  add('receipt', encodeReceiptMessage(eh, 0, receipt));
  add('receipt, of an open', encodeReceiptMessage(eh, null, receipt));
  add('gaps', encodeGaps(eh, 0, 1, [{ first: 4, count: 2 }]));
  add(
    'edge',
    encodeEdge(
      T0_MS + 7000,
      [0, 1, 2].map((i) => ({ eh: w.bytes(`eh ${i}`, 8), lastMs: T0_MS + 6000 + i, state: i as 0 | 1 | 2 })),
    ),
  );
  add('ask', encodeAsk(eh, 2, 0, [{ first: 7, count: 1 }]));
  add('ask, all', encodeAsk(eh, 4, null, []));

  const ctl = (title: string, mt: CtlNumber, n: number, content: Uint8Array, key: PreparedHmac) =>
    add(title, sealCtl(mt, oh, n, content, key));
  const DOWN = 2 ** 32;
  ctl('ctl close', CTL.close, 1, closeBytes, link.up);
  ctl(
    'ctl repair',
    CTL.repair,
    2,
    encodeRepair({
      segment: 0,
      leaves: [
        { seq: 3, leaf: leaves[2]! },
        { seq: 4, leaf: leaves[3]! },
        { seq: 6, leaf: leaves[5]! },
      ],
    }),
    link.up,
  );
  ctl('ctl bye', CTL.bye, 3, encodeBye({ reason: 0, backInMs: 60_000 }), link.up);
  ctl(
    'ctl bulk',
    CTL.bulk,
    4,
    encodeBulk([
      encodeOpening(messages.get('open, offline')!),
      encodeKeys(eh, wraps.slice(0, 1)),
      closeBytes,
      messages.get('frame, offline')!,
    ]),
    link.up,
  );
  const limits = { maxFrameBytes: 2048, maxCount: 64, maxSegmentMs: 10_000, skewMs: 5000, maxRecipients: 16 };
  ctl(
    'ctl accept',
    CTL.accept,
    DOWN,
    encodeAccept({ oh, timeMs: T0_MS + 5100, flags: 1, durable: { seqBelow: 1, segmentBelow: 0 }, limits }),
    link.down,
  );
  ctl('ctl accept, short', CTL.accept, DOWN + 1, encodeAccept({ oh, timeMs: T0_MS + 5100, flags: 0 }), link.down);
  ctl(
    'ctl nack',
    CTL.nack,
    DOWN + 2,
    encodeNack({
      segment: 30,
      ranges: [
        { first: 5810, count: 2 },
        { first: 5820, count: 1 },
      ],
      want: 1,
    }),
    link.down,
  );
  ctl(
    'ctl nack, other epoch',
    CTL.nack,
    DOWN + 3,
    encodeNack({ segment: 0, want: 4, eh: w.bytes('other eh', 8) }),
    link.down,
  );
  ctl('ctl rekey', CTL.rekey, DOWN + 4, encodeRekey({ reason: 2 }), link.down);
  ctl('ctl progress', CTL.progress, DOWN + 5, encodeProgress({ seqBelow: 8 }), link.down);
  ctl(
    'ctl progress, full',
    CTL.progress,
    DOWN + 6,
    encodeProgress({ seqBelow: 8, ranges: [{ first: 10, count: 3 }], segmentBelow: 1, eh: w.bytes('other eh', 8) }),
    link.down,
  );
  ctl(
    'ctl err',
    CTL.err,
    DOWN + 7,
    encodeErr({ code: 1, about: hash(closeBytes), number: 7, text: 'not-in-close', eh: w.bytes('other eh', 8) }),
    link.down,
  );
  add('ctl err, hint', hintCtl(CTL.err, eh, encodeErr({ code: 2, about: oh })));

  const attestation = thumbprint(w.attestation.key, crypto);
  const pseudonym = w.bytes('pseudonym', 16);
  const nonce = w.bytes('lost', 16);
  const claimreq = add(
    'claimreq',
    signBody(
      'claimreq',
      {
        attestationKey: attestation,
        owner: w.owner.thumbprint,
        ownerKey: w.owner.key,
        pseudonym,
        nonce,
        mac: claimMac(attestation, w.bytes('claim secret', 16), w.owner.thumbprint, pseudonym, nonce, crypto),
      },
      w.owner,
    ),
  );
  add(
    'claimack',
    signBody(
      'claimack',
      {
        attestationKey: attestation,
        claimHash: hash(claimreq),
        key: w.device.key,
        boot: 1,
        evidence: w.seed('evidence'),
      },
      w.attestation,
    ),
  );
  add(
    'resync',
    signBody('resync', { device: w.device.thumbprint, boot: BOOT, epoch: EPOCH, nonce, timeMs: T0_MS }, w.gateway),
  );
  add(
    'act',
    signBody(
      'act',
      { fn: 'PutRecipient', args: [w.seed('ledger id'), w.bytes('rid 0', 8), 'text', 7], counter: 9, timeMs: T0_MS },
      w.recipient,
    ),
  );
  add(
    'block',
    signBody(
      'block',
      {
        ledger: w.ledger.thumbprint,
        height: 4,
        previous: w.seed('block 3'),
        timeMs: T0_MS + 12_000,
        root: w.seed('root'),
        transactions: 1,
      },
      w.ledger,
    ),
  );

  return {
    messages,
    oh,
    open,
    gwk,
    ackSecret,
    es,
    cards,
    link,
    ack,
    segmentKeys,
    frames,
    leaves,
    manifestHash,
    beaconHash,
  };
}
