import { type CryptoProvider, equalBytes, type Verifier } from '@pulseseal/crypto';

/**
 * A gateway signs one tree head for all the closes of some seconds, and each of their receipts carries that signature.
 * Remembers the last one that was right, with key and message: the same once more is not computed again.
 */
export function rememberHead(crypto: CryptoProvider): CryptoProvider {
  let known: { readonly publicKey: Uint8Array; readonly verifier: Verifier } | undefined;
  return {
    ...crypto,
    prepareVerifier(algorithm, publicKey) {
      if (known === undefined || known.verifier.algorithm !== algorithm || !equalBytes(known.publicKey, publicKey))
        known = { publicKey: publicKey.slice(), verifier: rememberRight(crypto.prepareVerifier(algorithm, publicKey)) };
      return known.verifier;
    },
  };
}

function rememberRight(verifier: Verifier): Verifier {
  let right: { readonly message: Uint8Array; readonly signature: Uint8Array } | undefined;
  return {
    ...verifier,
    verify(message, signature) {
      if (right !== undefined && equalBytes(right.message, message) && equalBytes(right.signature, signature))
        return true;
      const isRight = verifier.verify(message, signature);
      if (isRight) right = { message: message.slice(), signature: signature.slice() };
      return isRight;
    },
  };
}
