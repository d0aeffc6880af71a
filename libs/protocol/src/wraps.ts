import { type CryptoProvider, equalBytes, erase, secretCopy } from '@pulseseal/crypto/browser';
import { type CborValue, encodeItem, parseWhole, Writer } from './cbor.ts';
import { LIMITS } from './limits.ts';
import { encodeWrap, encodeWrapProtected, parseWrap, wrapKid } from './messages/wrap.ts';
import { demand, refuse } from './refusal.ts';

/** What names one epoch of one device in every HPKE info. */
export interface EpochName {
  readonly device: Uint8Array;
  readonly boot: number;
  readonly epoch: number;
}

async function seal(
  kid: Uint8Array,
  prekey: Uint8Array,
  info: Uint8Array,
  plaintext: Uint8Array,
  coins: Uint8Array | undefined,
  crypto: CryptoProvider,
) {
  const protectedBytes = encodeWrapProtected(kid);
  const aad = encodeItem(['Encrypt0', protectedBytes, new Uint8Array(0)]);
  const sealed = await crypto.hpkeSeal(prekey, info, aad, plaintext, coins);
  return encodeWrap(protectedBytes, sealed.encapsulated, sealed.ciphertext);
}

async function open(
  wrapBytes: Uint8Array,
  kid: Uint8Array,
  prekeySeed: Uint8Array,
  info: Uint8Array,
  crypto: CryptoProvider,
) {
  const wrap = parseWrap(wrapBytes);
  demand(equalBytes(wrap.kid, kid), 'wrap-mismatch');
  const aad = encodeItem(['Encrypt0', wrap.protectedBytes, new Uint8Array(0)]);
  const plaintext = await crypto.hpkeOpen(prekeySeed, wrap.encapsulated, info, aad, wrap.ciphertext);
  return plaintext ?? refuse('wrap-failed');
}

const info = (...items: CborValue[]) => encodeItem(['ps1', ...items]);

export interface GatewayWrapContext extends EpochName {
  readonly beaconHash: Uint8Array;
  readonly gatewayTp8: Uint8Array;
  readonly serial: number;
}

const gatewayInfo = (c: GatewayWrapContext) => info('gw', c.device, c.boot, c.epoch, c.beaconHash);

/** The fresh MAC key for the gateway named by the beacon [WRAP-2]. `coins`: 64 hedged bytes. */
export function sealGatewayWrap(
  gwk: Uint8Array,
  prekey: Uint8Array,
  c: GatewayWrapContext,
  crypto: CryptoProvider,
  coins?: Uint8Array,
): Promise<Uint8Array> {
  return seal(wrapKid(c.gatewayTp8, c.serial), prekey, gatewayInfo(c), gwk, coins, crypto);
}

export async function openGatewayWrap(
  wrap: Uint8Array,
  prekeySeed: Uint8Array,
  c: GatewayWrapContext,
  crypto: CryptoProvider,
): Promise<Uint8Array> {
  const gwk = await open(wrap, wrapKid(c.gatewayTp8, c.serial), prekeySeed, gatewayInfo(c), crypto);
  demand(gwk.length === 32, 'wrap-failed');
  return gwk;
}

export interface RecipientWrapContext extends EpochName {
  readonly rid: Uint8Array;
  readonly prekeyId: number;
  readonly manifestHash: Uint8Array;
}

export interface RecipientSecrets {
  /** Scope -> epoch secret. */
  readonly scopes: ReadonlyMap<number, Uint8Array>;
  readonly ack: Uint8Array;
}

/** All scopes that there can be, 32 bytes each, with their heads. */
const recipientSecretsMaxBytes = 4_096;

const recipientInfo = (c: RecipientWrapContext) => info('rcp', c.device, c.boot, c.epoch, c.rid, c.manifestHash);

/** The data keys of the granted scopes for one recipient [WRAP-3]. */
export async function sealRecipientWrap(
  secrets: RecipientSecrets,
  prekey: Uint8Array,
  c: RecipientWrapContext,
  crypto: CryptoProvider,
  coins?: Uint8Array,
): Promise<Uint8Array> {
  const w = new Writer(recipientSecretsMaxBytes).map(2).uint(1);
  w.uintMap(secrets.scopes, (es) => w.bytes(es));
  const plaintext = w.uint(2).bytes(secrets.ack).finish();
  w.erase();
  const wrap = seal(wrapKid(c.rid, c.prekeyId), prekey, recipientInfo(c), plaintext, coins, crypto);
  return wrap.finally(() => erase(plaintext));
}

export async function openRecipientWrap(
  wrap: Uint8Array,
  prekeySeed: Uint8Array,
  c: RecipientWrapContext,
  crypto: CryptoProvider,
): Promise<RecipientSecrets> {
  const plaintext = await open(wrap, wrapKid(c.rid, c.prekeyId), prekeySeed, recipientInfo(c), crypto);
  try {
    return parseWhole(plaintext, recipientSecretsMaxBytes, (r) => {
      const f = r.fields(2);
      const secret = () => secretCopy(r.bytesOf(32));
      const scopes = f.required(1, () => r.uintMap(LIMITS.scopes, 1, LIMITS.scopeId, secret));
      const ack = f.required(2, secret);
      f.done();
      return { scopes, ack };
    });
  } finally {
    erase(plaintext);
  }
}

/** A signed release sealed to its receiver [GRANT-1]. */
export function sealGrant(
  release: Uint8Array,
  prekey: Uint8Array,
  rid: Uint8Array,
  prekeyId: number,
  oh: Uint8Array,
  crypto: CryptoProvider,
  coins?: Uint8Array,
): Promise<Uint8Array> {
  return seal(wrapKid(rid, prekeyId), prekey, info('rel', rid, oh), release, coins, crypto);
}

export function openGrant(
  wrap: Uint8Array,
  prekeySeed: Uint8Array,
  rid: Uint8Array,
  prekeyId: number,
  oh: Uint8Array,
  crypto: CryptoProvider,
): Promise<Uint8Array> {
  return open(wrap, wrapKid(rid, prekeyId), prekeySeed, info('rel', rid, oh), crypto);
}
