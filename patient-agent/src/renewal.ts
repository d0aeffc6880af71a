import { parseSigned } from '@pulseseal/protocol';
import { agentLimits } from './limits.ts';
import type { DeviceEntry } from './state.ts';

/**
 * Whether the manifest in force is past the middle of its time: of its life, or of the age at which a device leaves out
 * ordinary recipients, whichever is shorter. Renewed then, a gateway, a ledger or a device that is away has the other
 * half to hear of it, and what the owner decided does not end by itself.
 */
export function isManifestDue(entry: DeviceEntry, nowMs: number): boolean {
  if (entry.version - entry.registered >= agentLimits.maxUnregistered) return false;
  const { validFromMs, validUntilMs, policy } = parseSigned(entry.manifests.at(-1)!, 'manifest').body;
  return nowMs >= validFromMs + Math.min(validUntilMs - validFromMs, policy.maxStaleS * 1000) / 2;
}

/** Whether the endorsement of the device's key is in the last part of its life. */
export function isEndorseDue({ endorse }: DeviceEntry, nowMs: number): boolean {
  return nowMs >= parseSigned(endorse, 'endorse').body.expiresS * 1000 - agentLimits.endorseRenewMs;
}
