import type { Manifest } from '@pulseseal/protocol';

export interface ManifestView {
  readonly manifest: Manifest;
  /** How long the device has held it, by its monotonic clock, kept through reboots. */
  readonly ageMs: number;
  /** The device's clock, when its source is 2 (phone) to 4 (signed time); else undefined. */
  readonly trustedNowMs: number | undefined;
  /** The gateway said, authenticated, that the ledger does not know this manifest (err 5). */
  readonly unknownToLedger: boolean;
}

/**
 * Time by which a device judges expiry: the manifest's own begin plus the age, or its own clock when later. Never the
 * gateway's time: it could bring an expired consent back to life.
 */
export function judgedNowMs(view: ManifestView): number {
  return Math.max(view.manifest.validFromMs + view.ageMs, view.trustedNowMs ?? 0);
}

/** A manifest that may have been withheld or has run out serves life-critical readers and the patient alone. */
export function isStale(view: ManifestView): boolean {
  return (
    view.unknownToLedger ||
    view.ageMs > view.manifest.policy.maxStaleS * 1000 ||
    judgedNowMs(view) > view.manifest.validUntilMs
  );
}

/** Who gets a wrap in the next epoch, in the order of the manifest's field 7. */
export function wrapDecisions(view: ManifestView): readonly boolean[] {
  const stale = isStale(view);
  const nowMs = judgedNowMs(view);
  return view.manifest.recipients.map((r) => r.expiresMs > nowMs && (!stale || r.role === 1 || r.role === 2));
}

/** Whether the manifest lets this gateway serve the device. */
export function isListed(manifest: Manifest, gateway: Uint8Array): boolean {
  return manifest.gateways.some((listed) => Buffer.compare(listed, gateway) === 0);
}
