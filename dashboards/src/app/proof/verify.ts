import type { TrustAnchors, Verdict, VerifyProof } from './verdict.ts';

/**
 * Verifies a proof bundle in this browser: nothing but the bytes of the bundle, the anchors, and code of this page takes
 * part. The verifier and the portable cryptography load when the first proof is asked for.
 */
export async function verifyInBrowser(proof: Uint8Array, trust: TrustAnchors | undefined): Promise<Verdict> {
  const [protocol, { createPortableCrypto }] = await Promise.all([
    import('@pulseseal/protocol'),
    import('@pulseseal/crypto/browser'),
  ]);
  const { verifyProof } = protocol as { verifyProof?: VerifyProof };
  if (verifyProof === undefined) throw new Error('this build has no proof verifier');
  return verifyProof(proof, trust, createPortableCrypto());
}
