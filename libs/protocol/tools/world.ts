import { type CryptoProvider, concat, utf8 } from '@pulseseal/crypto';
import { createMessageSigner, type Manifest, type MessageSigner, type OpenStream } from '../src/mod.ts';

/** One device, its owner, gateway, recipients and ledger, all grown from names: the same bytes on every run. */
export interface World {
  readonly crypto: CryptoProvider;
  /** 32 bytes that belong to a name. */
  seed(name: string): Uint8Array;
  bytes(name: string, length: number): Uint8Array;
  readonly owner: MessageSigner;
  readonly gateway: MessageSigner;
  readonly device: MessageSigner;
  readonly device2: MessageSigner;
  readonly attestation: MessageSigner;
  readonly manufacturer: MessageSigner;
  readonly recipient: MessageSigner;
  readonly transport: MessageSigner;
  readonly ledger: MessageSigner;
  readonly attacker: MessageSigner;
  readonly gatewayPrekey: XWingPair;
  readonly prekeys: readonly XWingPair[];
}

export interface XWingPair {
  readonly publicKey: Uint8Array;
  readonly secretSeed: Uint8Array;
}

export const T0_MS = 1_795_000_000_000;
export const BOOT = 3;
export const EPOCH = 41;

/** Four streams in three scopes, as the table of sizes assumes. */
export const STREAMS: readonly OpenStream[] = [
  { id: 0, scope: 0, streamClass: 0, pad: 16 },
  { id: 1, scope: 1, streamClass: 1, pad: 24 },
  { id: 2, scope: 2, streamClass: 2, pad: 0 },
  { id: 3, scope: 1, streamClass: 3, pad: 8 },
];

/** `deterministic` signers: the portable implementation alone has them. */
export function createWorld(crypto: CryptoProvider, deterministic = crypto.name === 'portable', salt = ''): World {
  const seed = (name: string) => crypto.sha256(utf8(`ps1 vectors ${salt}${name}`));
  const bytes = (name: string, length: number) => {
    const parts: Uint8Array[] = [];
    for (let i = 0; i * 32 < length; i++) parts.push(seed(`${name} ${i}`));
    return concat(...parts).subarray(0, length);
  };
  const signer = (algorithm: 'ML-DSA-44' | 'ML-DSA-65', name: string) =>
    createMessageSigner(algorithm, seed(name), crypto, { deterministic });
  return {
    crypto,
    seed,
    bytes,
    owner: signer('ML-DSA-65', 'owner'),
    gateway: signer('ML-DSA-65', 'gateway'),
    device: signer('ML-DSA-44', 'device'),
    device2: signer('ML-DSA-65', 'device of suite 2'),
    attestation: signer('ML-DSA-44', 'attestation'),
    manufacturer: signer('ML-DSA-65', 'manufacturer'),
    recipient: signer('ML-DSA-65', 'recipient'),
    transport: signer('ML-DSA-44', 'transport'),
    ledger: signer('ML-DSA-65', 'ledger'),
    attacker: signer('ML-DSA-65', 'attacker'),
    gatewayPrekey: crypto.xwingKeyPair(seed('gateway prekey')),
    prekeys: [0, 1, 2, 3].map((i) => crypto.xwingKeyPair(seed(`prekey ${i}`))),
  };
}

/** `readers` recipients; from the fifth on they share the first four's prekeys. */
export function manifestOf(w: World, readers: number, device = w.device): Manifest {
  return {
    pseudonym: w.bytes('pseudonym', 16),
    device: device.thumbprint,
    version: 7,
    validFromMs: T0_MS,
    validUntilMs: T0_MS + 30 * 86_400_000,
    recipients: Array.from({ length: readers }, (_, i) => ({
      rid: w.bytes(`rid ${i}`, 8),
      prekeyId: 100_000 + i,
      prekey: w.prekeys[i % 4]!.publicKey,
      scopes: [0, 1, 2],
      expiresMs: T0_MS + 30 * 86_400_000,
      consent: w.seed(`consent ${i}`),
      role: i === 0 ? 1 : i === readers - 1 ? 2 : 0,
    })),
    suites: [1, 2],
    previous: w.seed('manifest before'),
    consentRoot: w.seed('consent root'),
    policy: { maxEpochS: 3600, rekeyGraceS: 120, maxStaleS: 604_800 },
    gateways: [w.gateway.thumbprint],
  };
}
