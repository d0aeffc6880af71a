import type { CryptoProvider } from '@pulseseal/crypto';
import {
  type CoseKey,
  createMessageSigner,
  type DeviceChannel,
  deviceText,
  encodeItem,
  type MessageSigner,
  type SigningAlgorithm,
  shardOf,
  signBody,
  topic,
} from '@pulseseal/protocol';
import type { Random } from '@pulseseal/runtime';

/** What a device has from its maker: never changes. */
export interface FactoryIdentity {
  readonly model: string;
  /** Attestation key: signs the claim only. */
  readonly attestationSeed: Uint8Array;
  readonly attestationAlgorithm: SigningAlgorithm;
  /** Signed by the manufacturer's issuing key. */
  readonly devcert: Uint8Array;
  /** 16 bytes, printed inside the QR on the box. */
  readonly claimSecret: Uint8Array;
}

/** Days a transport key lives, and how long before its end it is replaced. */
const transportLifeMs = 30 * 86_400_000;
const transportRenewMs = 86_400_000;
/** Without TLS time alone binds the token, at most 10 min (SPEC clause TOPIC-4): the middle lets a clock err either way. */
const tokenLifeMs = 300_000;

/** An identity key with the topics that belong to it. */
export interface Identity {
  readonly signer: MessageSigner;
  readonly thumbprint: Uint8Array;
  /** `<dev>`, 22 characters. */
  readonly text: string;
  topic(channel: DeviceChannel): string;
}

export function createIdentity(algorithm: SigningAlgorithm, seed: Uint8Array, crypto: CryptoProvider): Identity {
  const signer = createMessageSigner(algorithm, seed, crypto);
  const text = deviceText(signer.thumbprint);
  const shard = shardOf(signer.thumbprint, crypto);
  return { signer, thumbprint: signer.thumbprint, text, topic: (channel) => topic.device(shard, text, channel) };
}

export interface TransportKey {
  readonly seed: Uint8Array;
  /** `session`: the identity vouches for the transport key. */
  readonly session: Uint8Array;
  readonly untilMs: number;
}

/** A fresh transport key when there is none or it ends soon; else the same one. */
export function currentTransportKey(
  kept: TransportKey | null,
  identity: MessageSigner,
  nowMs: number,
  ports: { readonly random: Random; readonly crypto: CryptoProvider },
): TransportKey {
  const tooFar = kept !== null && kept.untilMs > nowMs + transportLifeMs;
  if (kept !== null && kept.untilMs > nowMs + transportRenewMs && !tooFar) return kept;
  const seed = ports.random.bytes(32);
  const transport = createMessageSigner('ML-DSA-44', seed, ports.crypto);
  const session = signBody(
    'session',
    {
      issuer: identity.thumbprint,
      subject: transport.thumbprint,
      issuedS: Math.floor(nowMs / 1000),
      expiresS: Math.floor((nowMs + transportLifeMs) / 1000),
      key: transport.key,
      issuerKey: identity.key,
    },
    identity,
  );
  return { seed, session, untilMs: nowMs + transportLifeMs };
}

/** The login password: CBOR([session, token]); the token is bound to this TLS connection. */
export function loginPassword(
  transport: TransportKey,
  identity: Uint8Array,
  gateway: Uint8Array,
  exporter: Uint8Array | undefined,
  nowMs: number,
  ports: { readonly crypto: CryptoProvider },
): Uint8Array {
  const signer = createMessageSigner('ML-DSA-44', transport.seed, ports.crypto);
  const token = signBody(
    'token',
    { identity, gateway, expiresMs: Math.round(nowMs) + tokenLifeMs, exporter: exporter ?? null },
    signer,
  );
  return encodeItem([transport.session, token]);
}

/** Algorithm of the operational key, by suite. */
export function suiteAlgorithm(suite: 1 | 2): SigningAlgorithm {
  return suite === 1 ? 'ML-DSA-44' : 'ML-DSA-65';
}

export type { CoseKey };
