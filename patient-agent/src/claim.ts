import { type CryptoProvider, equalBytes, fromBase64url } from '@pulseseal/crypto';
import {
  type Claimreq,
  type CoseKey,
  type Cwt,
  claimMac,
  type MessageSigner,
  parseWhole,
  type Signed,
  signBody,
  thumbprint,
  verifySigned,
} from '@pulseseal/protocol';
import type { Clock } from '@pulseseal/runtime';
import { agentFailure } from './failures.ts';
import { agentLimits } from './limits.ts';

/** What the QR on the box says. */
export interface BoxCode {
  readonly attestation: Uint8Array;
  readonly claimSecret: Uint8Array;
  readonly model: string;
}

/** `ps1:` + base64url(CBOR([AK thumbprint, claim secret, model])). @throws Failure qr-malformed */
export function parseBoxCode(text: string): BoxCode {
  if (!text.startsWith('ps1:') || text.length > 512) throw agentFailure('qr-malformed');
  try {
    const bytes = fromBase64url(text.slice(4));
    return parseWhole(bytes, 256, (r) => {
      r.arrayOf(3);
      return { attestation: r.bytesOf(32), claimSecret: r.bytesOf(16), model: r.text(64) };
    });
  } catch (cause) {
    throw agentFailure('qr-malformed', '', cause);
  }
}

/** The claim of one device, from its nonce to its operational key. */
export interface Claim {
  readonly request: Uint8Array;
  readonly pseudonym: Uint8Array;
}

export function makeClaim(
  code: BoxCode,
  nonce: Uint8Array,
  pseudonym: Uint8Array,
  owner: MessageSigner,
  crypto: CryptoProvider,
): Claim {
  const body: Claimreq = {
    attestationKey: code.attestation,
    owner: owner.thumbprint,
    ownerKey: owner.key,
    pseudonym,
    nonce,
    mac: claimMac(code.attestation, code.claimSecret, owner.thumbprint, pseudonym, nonce, crypto),
  };
  return { request: signBody('claimreq', body, owner), pseudonym };
}

/**
 * Holds the device's answer to the maker's key and to the claim. @returns the operational key
 * @throws Failure devcert-untrusted, claim-answer-wrong
 */
export function checkAnswer(
  claim: Claim,
  code: BoxCode,
  devcert: Signed<'devcert'>,
  ack: Signed<'claimack'>,
  ports: { readonly manufacturers: readonly CoseKey[]; readonly wall: Clock; readonly crypto: CryptoProvider },
): CoseKey {
  const { crypto, wall } = ports;
  const cert: Cwt = devcert.body;
  const issuer = ports.manufacturers.find((key) => equalBytes(thumbprint(key, crypto), cert.issuer));
  const isInForce = cert.expiresS * 1000 > wall.nowMs();
  if (issuer === undefined || !isInForce || !verifySigned(devcert, issuer, crypto))
    throw agentFailure('devcert-untrusted');
  const attestation = thumbprint(cert.key, crypto);
  const isSame = equalBytes(attestation, cert.subject) && equalBytes(attestation, code.attestation);
  if (!isSame) throw agentFailure('devcert-untrusted', 'another device');
  const answersThis =
    equalBytes(ack.body.attestationKey, attestation) &&
    equalBytes(ack.body.claimHash, crypto.sha256(claim.request)) &&
    verifySigned(ack, cert.key, crypto);
  if (!answersThis) throw agentFailure('claim-answer-wrong');
  return ack.body.key;
}

/** The owner vouches for the operational key. */
export function endorse(key: CoseKey, owner: MessageSigner, nowMs: number, crypto: CryptoProvider): Uint8Array {
  const issuedS = Math.floor(nowMs / 1000);
  return signBody(
    'endorse',
    {
      issuer: owner.thumbprint,
      subject: thumbprint(key, crypto),
      issuedS,
      expiresS: issuedS + agentLimits.endorseLifeS,
      key,
      issuerKey: owner.key,
    },
    owner,
  );
}
