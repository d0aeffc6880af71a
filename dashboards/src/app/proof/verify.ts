import type { ProofVerdict, TrustAnchors } from '@pulseseal/protocol';

/**
 * Verifies a proof bundle in this browser: nothing but the bytes of the bundle, the anchors, and code of this page takes
 * part. The verifier and the portable cryptography load when the first proof is asked for.
 * @throws Refusal when the bytes are no proof bundle at all.
 */
export async function verifyInBrowser(proof: Uint8Array, trust: TrustAnchors | undefined): Promise<ProofVerdict> {
  const [{ verifyProof }, { createPortableCrypto }] = await Promise.all([
    import('@pulseseal/protocol'),
    import('@pulseseal/crypto/browser'),
  ]);
  return verifyProof(proof, trust, createPortableCrypto());
}
