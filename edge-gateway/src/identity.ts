import { type CryptoProvider, type KeyStore, selfSignedCertificate } from '@pulseseal/crypto';
import {
  type CoseKey,
  createMessageSigner,
  deviceText,
  hex8,
  type MessageSigner,
  thumbprint,
  tp8,
} from '@pulseseal/protocol';
import type { Clock, Random } from '@pulseseal/runtime';

/** Who this gateway is. The seeds stay in the key store and in the signer. */
export interface Identity {
  readonly thumbprint: Uint8Array;
  readonly key: CoseKey;
  readonly signer: MessageSigner;
  /** 16 hex digits, as in topics. */
  readonly gid: string;
  readonly name: string;
}

const SIGNING_KEY = 'gateway.sign';
const TLS_KEY = 'gateway.tls';
const SEED_BYTES = 32;

/** The gateway's identity, made at the first start. */
export async function loadIdentity(keys: KeyStore, random: Random, crypto: CryptoProvider): Promise<Identity> {
  const seed = await seedOf(keys, SIGNING_KEY, random);
  const signer = createMessageSigner('ML-DSA-65', seed, crypto);
  seed.fill(0);
  const own = thumbprint(signer.key, crypto);
  return { thumbprint: own, key: signer.key, signer, gid: hex8(tp8(own)), name: deviceText(own) };
}

export interface GatewayTls {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly spki: Uint8Array;
}

/** A self-signed ML-DSA-44 certificate: devices pin its SPKI by the signed beacon (field 11), not by a CA. */
export async function loadTls(
  keys: KeyStore,
  random: Random,
  wall: Clock,
  names: readonly string[],
): Promise<GatewayTls> {
  const seed = await seedOf(keys, TLS_KEY, random);
  const nowMs = wall.nowMs();
  const made = selfSignedCertificate({
    algorithm: 'ML-DSA-44',
    seed,
    subject: 'pulseseal-gateway',
    notBeforeMs: nowMs - 3_600_000,
    // The transport key lives 30 days; the beacon, renewed daily, is what names it.
    notAfterMs: nowMs + 30 * 86_400_000,
    subjectAltNames: names,
    serial: Uint8Array.of(1, ...random.bytes(8)),
  });
  seed.fill(0);
  return made;
}

async function seedOf(keys: KeyStore, name: string, random: Random): Promise<Uint8Array> {
  const known = await keys.get(name);
  if (known !== undefined) return known;
  const seed = random.bytes(SEED_BYTES);
  await keys.put(name, seed);
  return seed;
}
