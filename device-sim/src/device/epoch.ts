import { BadPublicKey, type CryptoProvider, type PreparedHmac } from '@pulseseal/crypto';
import type { FirmwareProfile, ProfileStream } from '@pulseseal/firmware-profiles';
import {
  ackKey,
  type Beacon,
  type ClockSource,
  commitment,
  ehOf,
  encodeCard,
  encodeKeys,
  type LinkKeys,
  linkKeys,
  type Manifest,
  type ManifestRecipient,
  type MessageSigner,
  type Open,
  type OpenReason,
  openHash,
  type RecipientRole,
  type ScopeChain,
  scopeChain,
  sealGatewayWrap,
  sealRecipientWrap,
  signBody,
  tp8,
} from '@pulseseal/protocol';
import type { Random } from '@pulseseal/runtime';
import { createHedge, type Hedge } from './hedge.ts';
import { hex } from './trust.ts';

/** Pads of heartbeats hide battery and counts (padded to 16). */
const heartbeatPadBytes = 16;

export interface EpochPlan {
  readonly boot: number;
  readonly epoch: number;
  readonly reason: OpenReason;
  /** Thumbprint of the operational key. */
  readonly device: Uint8Array;
  /** Absent: an offline epoch. */
  readonly beacon?: { readonly body: Beacon; readonly hash: Uint8Array };
  readonly manifest: { readonly body: Manifest; readonly hash: Uint8Array };
  /** By place in the manifest's field 7. */
  readonly wraps: readonly boolean[];
  readonly previousClose: Uint8Array | null;
  readonly clock: { readonly t0Ms: number; readonly uncertaintyMs: number; readonly source: ClockSource };
  readonly maxFrames: number;
  readonly segmentMs: number;
  readonly heartbeatMs: number;
  readonly ackTimeoutMs: number;
  readonly profile: FirmwareProfile;
  readonly streams: readonly ProfileStream[];
}

/** RAM of one epoch. Dies with the process, by design: a reboot always opens a new one. */
export interface EpochKeys {
  readonly plan: EpochPlan;
  readonly open: Uint8Array;
  /** The whole `keys` message; empty when nobody is wrapped to. */
  readonly keys: Uint8Array;
  readonly oh: Uint8Array;
  readonly eh: Uint8Array;
  readonly chains: ReadonlyMap<number, ScopeChain>;
  /** Absent in an offline epoch. */
  readonly link: LinkKeys | undefined;
  /** By rid (hex): the recipients that this epoch is sealed to. */
  readonly acks: ReadonlyMap<string, { readonly key: PreparedHmac; readonly role: RecipientRole }>;
  /** Card payload of each scope >= 1. */
  readonly cards: ReadonlyMap<number, Uint8Array>;
  /** rid (hex) of those that the policy lets read and whose prekey takes no key: sealed to all others. */
  readonly badPrekeys: readonly string[];
}

/** Makes the secrets of an epoch, wraps them, signs `open`, starts the chains; the secrets are erased at the end. */
export async function buildEpoch(
  plan: EpochPlan,
  deviceSecret: Uint8Array,
  signer: MessageSigner,
  ports: { readonly random: Random; readonly crypto: CryptoProvider },
): Promise<EpochKeys> {
  const hedge = createHedge(ports, deviceSecret, plan.boot, plan.epoch);
  try {
    return await sealEpoch(plan, hedge, signer, ports);
  } finally {
    // The coins too: with the wrap, which lies in the spool, they give the secret that it holds.
    hedge.erase();
  }
}

async function sealEpoch(
  plan: EpochPlan,
  hedge: Hedge,
  signer: MessageSigner,
  ports: { readonly random: Random; readonly crypto: CryptoProvider },
): Promise<EpochKeys> {
  const { crypto, random } = ports;
  const scopes = [...new Set([0, ...plan.streams.map((stream) => stream.scope)])].sort((a, b) => a - b);
  const secrets = new Map(scopes.map((scope) => [scope, hedge.secret(scope)]));
  const gwk = plan.beacon === undefined ? undefined : hedge.secret('gw');
  const gatewayWrap = gwk === undefined ? undefined : await wrapForGateway(plan, gwk, hedge, crypto);
  const recipients = await wrapForRecipients(plan, secrets, hedge, crypto);
  const cards = new Map(
    scopes.filter((scope) => scope > 0).map((scope) => [scope, cardOf(plan.streams, scope, random.bytes(16))]),
  );
  const open = signBody('open', openBody(plan, secrets, gatewayWrap, recipients, cards, crypto), signer);
  const oh = openHash(open, crypto);
  const sealed = recipients.filter((r) => r !== undefined);
  const reached = new Set(sealed.map((r) => hex(r.rid)));
  const wraps = sealed.map((r) => r.wrap);
  return {
    plan,
    open,
    keys: wraps.length === 0 ? new Uint8Array(0) : encodeKeys(ehOf(oh), wraps),
    oh,
    eh: oh.slice(0, 8),
    chains: new Map([...secrets].map(([scope, es]) => [scope, scopeChain(es, oh, crypto)])),
    link: gwk === undefined ? undefined : linkKeys(oh, gwk, crypto),
    acks: new Map(sealed.map((r) => [hex(r.rid), { key: ackKey(oh, r.ack, crypto), role: r.role }])),
    cards,
    badPrekeys: plan.manifest.body.recipients
      .filter((r, place) => plan.wraps[place] === true && !reached.has(hex(r.rid)))
      .map((r) => hex(r.rid)),
  };
}

/** Erases what RAM still holds of an epoch's keys; with `keepPre` all but K_pre, which the next open may still use. */
export function eraseEpoch(epoch: EpochKeys, { keepPre = false } = {}): void {
  for (const chain of epoch.chains.values()) chain.erase();
  for (const { key } of epoch.acks.values()) key.erase();
  epoch.link?.up.erase();
  epoch.link?.down.erase();
  if (!keepPre) epoch.link?.pre.erase();
}

interface SealedRecipient {
  readonly rid: Uint8Array;
  readonly role: RecipientRole;
  readonly ack: Uint8Array;
  readonly wrap: Uint8Array;
}

function openBody(
  plan: EpochPlan,
  secrets: ReadonlyMap<number, Uint8Array>,
  gatewayWrap: Uint8Array | undefined,
  recipients: readonly (SealedRecipient | undefined)[],
  cards: ReadonlyMap<number, Uint8Array>,
  crypto: CryptoProvider,
): Open {
  const { device, boot, epoch } = plan;
  return {
    device,
    boot,
    epoch,
    ...(plan.beacon === undefined || gatewayWrap === undefined ? {} : { beaconHash: plan.beacon.hash, gatewayWrap }),
    manifestVersion: plan.manifest.body.version,
    manifestHash: plan.manifest.hash,
    streams: [
      { id: 0, scope: 0, streamClass: 0, pad: heartbeatPadBytes },
      ...plan.streams.map((s) => ({ id: s.id, scope: s.scope, streamClass: s.streamClass, pad: s.padBytes })),
    ],
    clock: plan.clock,
    maxFrames: plan.maxFrames,
    segmentMs: plan.segmentMs,
    heartbeatMs: plan.heartbeatMs,
    ackTimeoutMs: plan.ackTimeoutMs,
    previousClose: plan.previousClose,
    commitments: new Map([...secrets].map(([s, es]) => [s, commitment(es, device, boot, epoch, s, crypto)])),
    wrapHashes: recipients.map((r) => (r === undefined ? null : crypto.sha256(r.wrap))),
    reason: plan.reason,
    cardHashes: new Map([...cards].map(([scope, card]) => [scope, crypto.sha256(card)])),
    suite: plan.profile.suite,
  };
}

function wrapForGateway(plan: EpochPlan, gwk: Uint8Array, hedge: Hedge, crypto: CryptoProvider) {
  const beacon = plan.beacon!;
  const context = {
    device: plan.device,
    boot: plan.boot,
    epoch: plan.epoch,
    beaconHash: beacon.hash,
    gatewayTp8: tp8(beacon.body.gateway),
    serial: beacon.body.serial,
  };
  return sealGatewayWrap(gwk, beacon.body.prekey, context, crypto, hedge.kemCoins('gw'));
}

/** In the order of the manifest; undefined where the policy withholds the wrap, or the prekey is no key. */
function wrapForRecipients(
  plan: EpochPlan,
  secrets: ReadonlyMap<number, Uint8Array>,
  hedge: Hedge,
  crypto: CryptoProvider,
): Promise<(SealedRecipient | undefined)[]> {
  const wrapOne = async (r: ManifestRecipient): Promise<SealedRecipient | undefined> => {
    const own = new Map([...secrets].filter(([scope]) => r.scopes.includes(scope)));
    const ack = hedge.secret(r.rid);
    const context = {
      device: plan.device,
      boot: plan.boot,
      epoch: plan.epoch,
      rid: r.rid,
      prekeyId: r.prekeyId,
      manifestHash: plan.manifest.hash,
    };
    try {
      const wrap = await sealRecipientWrap({ scopes: own, ack }, r.prekey, context, crypto, hedge.kemCoins(r.rid));
      return { rid: r.rid, role: r.role, ack, wrap };
    } catch (error) {
      // One reader's bad key must not take the stream from all others.
      if (error instanceof BadPublicKey) return undefined;
      throw error;
    }
  };
  return Promise.all(
    plan.manifest.body.recipients.map((r, place) => (plan.wraps[place] === true ? wrapOne(r) : undefined)),
  );
}

/** What the streams of one scope mean, for those who may read them. */
function cardOf(streams: readonly ProfileStream[], scope: number, salt: Uint8Array): Uint8Array {
  const own = streams.filter((stream) => stream.scope === scope);
  const items = (stream: ProfileStream) =>
    stream.items.map((item) => ({
      code: item.code,
      unit: item.unit.mdc,
      scale: [item.scale.m, item.scale.e, item.scale.offset] as const,
      rateMilliHz: item.rateMilliHz,
      block: item.blockSamples,
      codec: item.codec,
      site: item.site,
    }));
  return encodeCard({ salt, streams: new Map(own.map((stream) => [stream.id, items(stream)])) });
}
