import type { CryptoProvider } from '@pulseseal/crypto';
import { type CoseKey, encodeCoseKey, type MessageSigner, thumbprint } from '@pulseseal/protocol';
import type { Random } from '@pulseseal/runtime';
import { endorse } from './claim.ts';
import type { ClaimOrder } from './contract.ts';
import { agentFailure } from './failures.ts';
import type { Consent, DeviceEntry, Invitation } from './state.ts';

/**
 * A prekey that is none must not get into a manifest: devices could seal nothing to its recipient, who would see an empty
 * stream and no reason. Trying is the whole check of both halves (FIPS 203, 7.2; RFC 7748, 6.1).
 *
 * @throws Failure prekey-invalid
 */
export function checkPrekey(prekey: Uint8Array, crypto: CryptoProvider): void {
  if (crypto.kemEncapsulate('X-Wing', prekey) === undefined) throw agentFailure('prekey-invalid');
}

/** A decision gets its id on the ledger. */
export const consentOf = (invitation: Invitation, random: Random): Consent => ({
  ...invitation,
  consent: random.bytes(32),
});

/** What the agent keeps of a device that has just been claimed; its first manifest is issued by the caller. */
export function enrol(
  device: { readonly key: CoseKey; readonly pseudonym: Uint8Array; readonly model: string },
  order: ClaimOrder,
  archive: Invitation,
  owner: MessageSigner,
  ports: { readonly random: Random; readonly crypto: CryptoProvider; readonly nowMs: number },
): DeviceEntry {
  const { key, pseudonym, model } = device;
  const { random, crypto, nowMs } = ports;
  const recipients = [...order.recipients, archive].map((invitation) => consentOf(invitation, random));
  return {
    pseudonym,
    device: thumbprint(key, crypto),
    key: encodeCoseKey(key),
    model,
    suite: order.suite ?? (key.algorithm === 'ML-DSA-44' ? 1 : 2),
    salt: random.bytes(16),
    endorse: endorse(key, owner, nowMs, crypto),
    gateways: order.gateways,
    recipients,
    manifests: [],
    version: 0,
    registered: 0,
    owed: {
      register: true,
      manifest: true,
      publishEndorse: true,
      publishManifest: true,
      grants: recipients.map(({ consent, rid }) => ({ consent, rid })),
      revokes: [],
      releases: [],
    },
  };
}
