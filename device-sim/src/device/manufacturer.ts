import type { CryptoProvider } from '@pulseseal/crypto';
import { type CoseKey, createMessageSigner, encodeItem, signBody } from '@pulseseal/protocol';
import type { Clock, Random } from '@pulseseal/runtime';
import type { FactoryIdentity } from './identity.ts';

/** A maker of devices with an issuing key; for the demo and for tests. */
export interface Manufacturer {
  /** The key that agents check devcerts against. */
  readonly key: CoseKey;
  make(model: string, suite: 1 | 2): FactoryIdentity;
  /** What the QR on the box holds. */
  qr(identity: FactoryIdentity): string;
}

const devcertLifeS = 20 * 365 * 86_400;

export function createManufacturer(
  seed: Uint8Array,
  ports: { readonly wall: Clock; readonly random: Random; readonly crypto: CryptoProvider },
): Manufacturer {
  const { wall, random, crypto } = ports;
  const issuer = createMessageSigner('ML-DSA-65', seed, crypto);
  return {
    key: issuer.key,
    make(model, suite) {
      const attestationAlgorithm = suite === 1 ? 'ML-DSA-44' : 'ML-DSA-65';
      const attestationSeed = random.bytes(32);
      const attestation = createMessageSigner(attestationAlgorithm, attestationSeed, crypto);
      const issuedS = Math.floor(wall.nowMs() / 1000);
      const devcert = signBody(
        'devcert',
        {
          issuer: issuer.thumbprint,
          subject: attestation.thumbprint,
          issuedS,
          expiresS: issuedS + devcertLifeS,
          key: attestation.key,
          ueid: random.bytes(17),
          hardwareModel: new TextEncoder().encode(model),
          softwareName: 'pulseseal-device',
        },
        issuer,
      );
      return { model, attestationSeed, attestationAlgorithm, devcert, claimSecret: random.bytes(16) };
    },
    qr: (identity) => boxCode(identity, crypto),
  };
}

/** Text of the QR on the box: `ps1:` + base64url(CBOR([AK thumbprint, claim secret, model])). */
export function boxCode(identity: FactoryIdentity, crypto: CryptoProvider): string {
  const attestation = createMessageSigner(identity.attestationAlgorithm, identity.attestationSeed, crypto);
  const content = encodeItem([attestation.thumbprint, identity.claimSecret, identity.model]);
  return `ps1:${Buffer.from(content).toString('base64url')}`;
}
