import type { CryptoProvider } from '@pulseseal/crypto';
import { encodeItem, type ManifestPolicy, type MessageSigner, signBody } from '@pulseseal/protocol';
import { agentLimits } from './limits.ts';
import type { DeviceEntry } from './state.ts';

/** Signs the next version out of what the entry says, and makes it the one in force. The caller saves the state. */
export function issueManifest(
  entry: DeviceEntry,
  policy: ManifestPolicy,
  owner: MessageSigner,
  nowMs: number,
  crypto: CryptoProvider,
): Uint8Array {
  const last = entry.manifests.at(-1);
  const fromMs = Math.floor(nowMs);
  const bytes = signBody(
    'manifest',
    {
      pseudonym: entry.pseudonym,
      device: entry.device,
      version: entry.version + 1,
      validFromMs: fromMs,
      validUntilMs: fromMs + agentLimits.manifestLifeMs,
      recipients: entry.recipients.map((r) => ({
        rid: r.rid,
        prekeyId: r.prekeyId,
        prekey: r.prekey,
        scopes: [0, ...r.scopes.filter((scope) => scope !== 0)].sort((a, b) => a - b),
        expiresMs: r.expiresMs,
        consent: r.consent,
        role: r.role,
      })),
      suites: [entry.suite],
      previous: last === undefined ? null : crypto.sha256(last),
      // Root of the consents in force, so that ledger and manifest can be held against each other.
      consentRoot: crypto.sha256(encodeItem(entry.recipients.map((r) => r.consent))),
      policy,
      gateways: entry.gateways,
    },
    owner,
  );
  entry.version++;
  // The ledger takes versions one by one: none that it lacks may be forgotten.
  const kept = Math.max(agentLimits.keptManifests, entry.version - entry.registered);
  entry.manifests = [...entry.manifests, bytes].slice(-kept);
  entry.owed = { ...entry.owed, manifest: true, publishManifest: true };
  return bytes;
}
