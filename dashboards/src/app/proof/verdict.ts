import type { CryptoProvider } from '@pulseseal/crypto/browser';

/** What `verifyProof` of @pulseseal/protocol says. */
export interface Verdict {
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
  readonly pinned: boolean;
  readonly reading?: {
    readonly value: number;
    readonly text: string;
    readonly unit: string;
    readonly atMs: number;
    readonly code: number;
  };
  readonly fingerprints: unknown;
}

export interface TrustAnchors {
  readonly owners: readonly Uint8Array[];
  readonly signers: readonly Uint8Array[];
}

export type VerifyProof = (
  proof: Uint8Array,
  trust: TrustAnchors | undefined,
  crypto: CryptoProvider,
) => Verdict | Promise<Verdict>;
