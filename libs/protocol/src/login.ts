import { type CryptoProvider, equalBytes } from '@pulseseal/crypto/browser';
import { parseWhole, Writer } from './cbor.ts';
import { type MessageSigner, parseSigned, signBody, verifySignedAsync } from './cose.ts';
import { type CoseKey, thumbprint } from './ids.ts';
import type { Cwt } from './messages/bodies.ts';
import { demand, Refusal, refuse } from './refusal.ts';

/** MQTT login (SPEC clause TOPIC-4): session of the transport key by the identity key, token by the transport key. */

export const EXPORTER_LABEL = 'EXPORTER-ps1';
export const EXPORTER_BYTES = 32;
/** 7.8 kB for suite 1, 8.7 kB for suite 2. */
export const LOGIN_BYTES = 12_288;
/** A token without exporter binding may lie this far ahead at most. */
const TOKEN_AHEAD_MS = 600_000;

export function encodeLogin(session: Uint8Array, token: Uint8Array): Uint8Array {
  return new Writer(session.length + token.length + 16).array(2).bytes(session).bytes(token).finish();
}

/** The identity key vouches for a transport key (`session`), as an owner vouches for a device (`endorse`). */
export function issueCwt(
  typ: 'endorse' | 'session' | 'devcert',
  issuer: MessageSigner,
  subject: CoseKey,
  times: { readonly issuedMs: number; readonly expiresMs: number },
  crypto: CryptoProvider,
  extra: Pick<Cwt, 'ueid' | 'hardwareModel' | 'softwareName'> = {},
): Uint8Array {
  return signBody(
    typ,
    {
      issuer: issuer.thumbprint,
      subject: thumbprint(subject, crypto),
      expiresS: Math.floor(times.expiresMs / 1000),
      issuedS: Math.floor(times.issuedMs / 1000),
      key: subject,
      ...extra,
      ...(typ === 'devcert' ? {} : { issuerKey: issuer.key }),
    },
    issuer,
  );
}

/** A CWT whose names fit its keys and whose signature verifies under `issuerKey`. @throws Refusal */
export async function checkCwt(
  bytes: Uint8Array,
  typ: 'endorse' | 'session' | 'devcert',
  issuerKey: CoseKey | undefined,
  nowMs: number,
  crypto: CryptoProvider,
): Promise<Cwt & { readonly issuerKey: CoseKey }> {
  const signed = parseSigned(bytes, typ);
  const cwt = signed.body;
  const key = issuerKey ?? cwt.issuerKey ?? refuse('key-mismatch');
  demand(equalBytes(thumbprint(key, crypto), cwt.issuer), 'key-mismatch');
  demand(equalBytes(thumbprint(cwt.key, crypto), cwt.subject), 'key-mismatch');
  demand(nowMs < cwt.expiresS * 1000, 'expired');
  if (!(await verifySignedAsync(signed, key, crypto))) refuse('signature-invalid');
  return { ...cwt, issuerKey: key };
}

export interface LoginContext {
  readonly gateway: Uint8Array;
  readonly nowMs: number;
  /** TLS exporter value of this connection, undefined where the broker is not the TLS end. */
  readonly exporter: Uint8Array | undefined;
}

export interface Login {
  /** Thumbprint of the identity key: device OK, owner, recipient identity or gateway. */
  readonly identity: Uint8Array;
  readonly identityKey: CoseKey;
}

/** @throws Refusal login-refused for every failure: one answer, whatever was wrong. */
export async function checkLogin(password: Uint8Array, context: LoginContext, crypto: CryptoProvider): Promise<Login> {
  try {
    const [sessionBytes, tokenBytes] = parseWhole(password, LOGIN_BYTES, (r) => {
      r.arrayOf(2);
      return [r.byteString(LOGIN_BYTES), r.byteString(LOGIN_BYTES)] as const;
    });
    // Cheapest first: what the token says is compared before any signature is verified.
    const token = parseSigned(tokenBytes, 'token');
    demand(equalBytes(token.body.gateway, context.gateway), 'login-refused');
    demand(token.body.expiresMs > context.nowMs || token.body.exporter !== null, 'login-refused');
    if (token.body.exporter === null) {
      demand(context.exporter === undefined && token.body.expiresMs <= context.nowMs + TOKEN_AHEAD_MS, 'login-refused');
    } else demand(context.exporter !== undefined && equalBytes(token.body.exporter, context.exporter), 'login-refused');
    const session = await checkCwt(sessionBytes, 'session', undefined, context.nowMs, crypto);
    demand(equalBytes(token.body.identity, session.issuer), 'login-refused');
    if (!(await verifySignedAsync(token, session.key, crypto))) refuse('login-refused');
    return { identity: session.issuer, identityKey: session.issuerKey };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return refuse('login-refused');
  }
}
