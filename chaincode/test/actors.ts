import { type CryptoProvider, createNativeCrypto } from '@pulseseal/crypto';
import {
  type Close,
  createMerkleTree,
  createMessageSigner,
  issueCwt,
  type Manifest,
  type MerkleTree,
  type MessageSigner,
  type Open,
  type Sth,
  signBody,
} from '@pulseseal/protocol';
import { logIdOf } from '../src/mod.ts';

/** Fixed actors of the ledger tests. Seeds are one repeated byte: the keys are public. */
export function createActors(crypto: CryptoProvider = createNativeCrypto()) {
  const signer = (byte: number): MessageSigner =>
    createMessageSigner('ML-DSA-65', new Uint8Array(32).fill(byte), crypto);
  return {
    operator: signer(1),
    gateway: signer(2),
    owner: signer(3),
    recipient: signer(4),
    stranger: signer(5),
    ledger: signer(6),
    otherGateway: signer(7),
    device: createMessageSigner('ML-DSA-44', new Uint8Array(32).fill(8), crypto),
  };
}

export type Actors = ReturnType<typeof createActors>;

export const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
export const pseudonym = filled(16, 0x50);
export const rid = filled(8, 0x51);
export const consent = filled(32, 0x52);
export const saltedKeyHash = filled(32, 0x53);
export const prekeyHash = filled(32, 0x54);
export const tenant = 'ward-7';

export function manifestOf(owner: MessageSigner, changes: Partial<Manifest> = {}): Uint8Array {
  const manifest: Manifest = {
    pseudonym,
    device: filled(32, 0x60),
    version: 1,
    validFromMs: 0,
    validUntilMs: 4_000_000_000_000,
    recipients: [
      { rid, prekeyId: 1, prekey: filled(1216, 0x61), scopes: [0, 1], expiresMs: 4_000_000_000_000, consent, role: 1 },
    ],
    suites: [1, 2],
    previous: null,
    consentRoot: filled(32, 0x62),
    policy: { maxEpochS: 3600, rekeyGraceS: 60, maxStaleS: 86_400 },
    gateways: [filled(32, 0x63)],
    ...changes,
  };
  return signBody('manifest', manifest, owner);
}

export function closeOf(device: MessageSigner, changes: Partial<Close> = {}): Uint8Array {
  const close: Close = {
    oh: filled(32, 0x70),
    segment: 3,
    firstSeq: 1,
    count: 2,
    root: filled(32, 0x71),
    previous: filled(32, 0x70),
    dt: 60_000,
    sealed: 2,
    dropped: 0,
    unacknowledged: 0,
    kcv: new Map([[0, filled(32, 0x72)]]),
    ...changes,
  };
  return signBody('close', close, device);
}

/** An offline epoch of the device. */
export function openOf(device: MessageSigner, changes: Partial<Open> = {}): Uint8Array {
  const open: Open = {
    device: device.thumbprint,
    boot: 1,
    epoch: 1,
    manifestVersion: 1,
    manifestHash: filled(32, 0x73),
    streams: [{ id: 0, scope: 0, streamClass: 0, pad: 16 }],
    clock: { t0Ms: 1, uncertaintyMs: 10, source: 4 },
    maxFrames: 4096,
    segmentMs: 60_000,
    heartbeatMs: 5_000,
    ackTimeoutMs: 300_000,
    previousClose: null,
    commitments: new Map([[0, filled(32, 0x74)]]),
    wrapHashes: [filled(32, 0x75)],
    reason: 5,
    cardHashes: new Map(),
    suite: 1,
    ...changes,
  };
  return signBody('open', open, device);
}

/** The owner vouches for the device's key. */
export const endorseOf = (owner: MessageSigner, device: MessageSigner, crypto: CryptoProvider): Uint8Array =>
  issueCwt('endorse', owner, device.key, { issuedMs: 0, expiresMs: 4_000_000_000_000 }, crypto);

/** An evidence log of a gateway that signs heads. `branch` makes two logs that differ from some entry on. */
export function createEvidenceLog(
  gateway: MessageSigner,
  crypto: CryptoProvider,
  options: { readonly tenant?: string; readonly branchAt?: number } = {},
) {
  const logId = logIdOf(gateway.thumbprint, options.tenant ?? tenant, crypto);
  const tree: MerkleTree = createMerkleTree(crypto);
  const grow = (size: number) => {
    while (tree.size < size) {
      const isBranched = options.branchAt !== undefined && tree.size >= options.branchAt;
      tree.append(crypto.sha256(Uint8Array.of(isBranched ? 1 : 0, tree.size >> 8, tree.size & 255)));
    }
  };
  return {
    logId,
    tree,
    head(size: number, previous: Uint8Array | null, changes: Partial<Sth> = {}): Uint8Array {
      grow(size);
      const sth: Sth = {
        gateway: gateway.thumbprint,
        logId,
        size,
        root: tree.root(size),
        batch: size,
        previous,
        firstArrivalMs: 1,
        lastArrivalMs: 2,
        ...changes,
      };
      return signBody('sth', sth, gateway);
    },
    consistency(oldSize: number, newSize: number) {
      grow(newSize);
      return { oldSize, newSize, path: tree.consistency(oldSize, newSize) };
    },
  };
}
