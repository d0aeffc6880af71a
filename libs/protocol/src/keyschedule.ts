import {
  type CryptoProvider,
  concat,
  erase,
  type PreparedHmac,
  secretBytes,
  secretCopy,
  utf8,
  xor,
} from '@pulseseal/crypto/browser';
import { encodeItem } from './cbor.ts';

/** Key schedule (SPEC section 6). All HMAC keys are exactly 32 bytes; the provider enforces it. */

const label = {
  commit: utf8('ps1 commit'),
  up: utf8('ps1 up'),
  down: utf8('ps1 dn'),
  pre: utf8('ps1 pre'),
  ack: utf8('ps1 ack'),
  chain: utf8('ps1 chain0'),
  kcv: utf8('ps1 kcv'),
  aead: utf8('ps1 aead'),
  iv: utf8('ps1 iv'),
  hedge: utf8('ps1 hedge'),
} as const;

const ONE = new Uint8Array([1]);
const TWO = new Uint8Array([2]);
/** COSE algorithm A256GCM. */
const A256GCM = 3;

/** `oh` = H(open): SHA-256 of the whole message as carried. */
export function openHash(open: Uint8Array, crypto: CryptoProvider): Uint8Array {
  return crypto.sha256(open);
}

export function ehOf(oh: Uint8Array): Uint8Array {
  return oh.subarray(0, 8);
}

/** Binds a scope's secret to its epoch: AES-GCM alone does not commit to its key [KEY-2]. */
export function commitment(
  es: Uint8Array,
  device: Uint8Array,
  boot: number,
  epoch: number,
  scope: number,
  crypto: CryptoProvider,
): Uint8Array {
  return crypto.hmacSha256(es, concat(label.commit, encodeItem([device, boot, epoch, scope])));
}

export interface LinkKeys {
  readonly up: PreparedHmac;
  readonly down: PreparedHmac;
  readonly pre: PreparedHmac;
  erase(): void;
}

/** K_up, K_dn, K_pre of an epoch, salted with `oh` [KEY-3]. */
export function linkKeys(oh: Uint8Array, gwk: Uint8Array, crypto: CryptoProvider): LinkKeys {
  const derive = (info: Uint8Array) => {
    const key = crypto.hkdfSha256(oh, gwk, info, 32);
    const mac = crypto.prepareHmac(key);
    erase(key);
    return mac;
  };
  const up = derive(label.up);
  const down = derive(label.down);
  const pre = derive(label.pre);
  return {
    up,
    down,
    pre,
    erase() {
      up.erase();
      down.erase();
      pre.erase();
    },
  };
}

/** K_ack,r between device and recipient [KEY-3]. */
export function ackKey(oh: Uint8Array, ackSecret: Uint8Array, crypto: CryptoProvider): PreparedHmac {
  const key = crypto.hkdfSha256(oh, ackSecret, label.ack, 32);
  const mac = crypto.prepareHmac(key);
  erase(key);
  return mac;
}

/** Key and iv of one stream in one segment. */
export interface StreamKey {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

/** Everything that opens one scope's frames of one segment, and nothing else. */
export interface SegmentKey {
  readonly secret: Uint8Array;
  /** Key check value, signed in the close. */
  readonly kcv: Uint8Array;
  streamKey(stream: number): StreamKey;
  erase(): void;
}

/** From `sk` alone, as a grant or a disclosure hands it over. */
export function segmentKey(sk: Uint8Array, crypto: CryptoProvider): SegmentKey {
  const secret = secretCopy(sk);
  const streams = new Map<number, StreamKey>();
  let erased = false;
  return {
    secret,
    kcv: keyCheckValue(secret, crypto),
    streamKey(stream) {
      // A key derived from zeros would be everybody's.
      if (erased) throw new RangeError('the segment key was erased');
      let keys = streams.get(stream);
      if (keys === undefined) {
        const context = encodeItem([stream, A256GCM]);
        keys = {
          key: crypto.hkdfExpandSha256(secret, concat(label.aead, context), 32),
          iv: crypto.hkdfExpandSha256(secret, concat(label.iv, context), 12),
        };
        streams.set(stream, keys);
      }
      return keys;
    },
    erase() {
      erased = true;
      erase(secret);
      for (const k of streams.values()) {
        erase(k.key);
        erase(k.iv);
      }
      streams.clear();
    },
  };
}

function keyCheckValue(secret: Uint8Array, crypto: CryptoProvider): Uint8Array {
  const input = secretBytes(label.kcv.length + secret.length);
  input.set(label.kcv);
  input.set(secret, label.kcv.length);
  const kcv = crypto.sha256(input);
  erase(input);
  return kcv;
}

/** nonce = iv XOR seq as 12 bytes big-endian: no number twice, so no nonce twice [KEY-6]. */
export function nonceOf(iv: Uint8Array, seq: number): Uint8Array {
  if (seq < 0 || seq > 0xffffffff)
    throw new RangeError('a frame number has 32 bits: a larger one would repeat a nonce');
  const counter = new Uint8Array(12);
  new DataView(counter.buffer).setUint32(8, seq);
  return xor(iv, counter);
}

/** One scope's ratchet: forward only, older keys are erased [KEY-5]. */
export interface ScopeChain {
  /** The segment the next `take` gives. */
  readonly at: number;
  /** Key of segment `segment` (>= `at`); the chain moves behind it. */
  take(segment: number): SegmentKey;
  /** `ck` of the next segment, for a grant "from now on". */
  export(): { readonly segment: number; readonly ck: Uint8Array };
  erase(): void;
}

export function scopeChain(es: Uint8Array, oh: Uint8Array, crypto: CryptoProvider): ScopeChain {
  const ck = crypto.hmacSha256(es, concat(label.chain, oh));
  const chain = chainFrom(0, ck, crypto);
  erase(ck);
  return chain;
}

export function chainFrom(segment: number, ck: Uint8Array, crypto: CryptoProvider): ScopeChain {
  let at = segment;
  let chain: Uint8Array = secretCopy(ck);
  let erased = false;
  const alive = () => {
    if (erased) throw new RangeError('the chain was erased');
  };
  const step = () => {
    const next = crypto.hmacSha256(chain, TWO);
    erase(chain);
    chain = next;
    at++;
  };
  return {
    get at() {
      return at;
    },
    take(wanted) {
      alive();
      if (wanted < at) throw new RangeError('the ratchet does not turn back');
      while (at < wanted) step();
      const sk = crypto.hmacSha256(chain, ONE);
      const key = segmentKey(sk, crypto);
      erase(sk);
      step();
      return key;
    },
    export() {
      alive();
      return { segment: at, ck: chain.slice() };
    },
    erase() {
      erased = true;
      erase(chain);
    },
  };
}

/** A fresh secret hedged against a stuck generator [KEY-1]. `name`: scope number, "gw", rid, or ["kem", ...]. */
export function hedged(
  fresh: Uint8Array,
  deviceSecret: Uint8Array,
  boot: number,
  epoch: number,
  name: number | string | Uint8Array | readonly (string | Uint8Array)[],
  length: number,
  crypto: CryptoProvider,
): Uint8Array {
  const salt = crypto.hmacSha256(deviceSecret, encodeItem(['ps1 hedge', boot, epoch, name]));
  const secret = crypto.hkdfSha256(salt, fresh, label.hedge, length);
  erase(salt);
  return secret;
}

/** MAC of the claim: possession of the physical box [ENROL-2]. */
export function claimMac(
  attestationThumbprint: Uint8Array,
  claimSecret: Uint8Array,
  owner: Uint8Array,
  pseudonym: Uint8Array,
  nonce: Uint8Array,
  crypto: CryptoProvider,
): Uint8Array {
  const key = crypto.hkdfSha256(attestationThumbprint, claimSecret, utf8('ps1 claim'), 32);
  const mac = crypto.hmacSha256(key, encodeItem([owner, pseudonym, nonce]));
  erase(key);
  return mac;
}

/** log id = SHA-256("ps1 log" || gateway thumbprint || tenant name) [LOG-1]. */
export function logId(gateway: Uint8Array, tenant: string, crypto: CryptoProvider): Uint8Array {
  return crypto.sha256Parts(utf8('ps1 log'), gateway, utf8(tenant));
}
