import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync } from 'node:crypto';
import type { Position } from './segment.ts';

/** At-rest sealing of records. Every segment has keys of its own, out of its random salt. */
export interface RecordSeal {
  /** Bytes that sealing adds to a record. */
  readonly overheadBytes: number;
  forSegment(salt: Uint8Array): SegmentSeal;
}

export interface SegmentSeal {
  /** 8 bytes that tell a wrong key from a damaged record. Reveals nothing about the key. */
  readonly keyCheck: Uint8Array;
  /** A position may be sealed once per salt: the log takes a new segment whenever it could come to the same place twice. */
  seal(position: Position, plaintext: Uint8Array): Uint8Array;
  /** The plaintext, or undefined when the bytes are not what was sealed at this position. */
  open(position: Position, bytes: Uint8Array): Uint8Array | undefined;
}

const TAG_BYTES = 16;

/**
 * AES-256-GCM. Key and check of a segment are HKDF-SHA-256 of `key` (32 bytes) and the segment's 16-byte random salt;
 * the nonce is the position, so it never repeats under one key.
 */
export function createRecordSeal(key: Uint8Array): RecordSeal {
  if (key.length !== 32) throw new RangeError('a record seal needs a key of 32 bytes');
  const master = createSecretKey(key);
  return { overheadBytes: TAG_BYTES, forSegment: (salt) => segmentSeal(master, salt) };
}

function segmentSeal(master: ReturnType<typeof createSecretKey>, salt: Uint8Array): SegmentSeal {
  const derived = new Uint8Array(hkdfSync('sha256', master, salt, 'pulseseal log segment 1', 40));
  const key = createSecretKey(derived.subarray(0, 32));
  const keyCheck = derived.slice(32);
  derived.fill(0);
  const nonceOf = (position: Position) => {
    const nonce = new Uint8Array(12);
    const view = new DataView(nonce.buffer);
    view.setUint32(4, Math.floor(position / 2 ** 32));
    view.setUint32(8, position >>> 0);
    return nonce;
  };
  return {
    keyCheck,
    seal(position, plaintext) {
      const cipher = createCipheriv('aes-256-gcm', key, nonceOf(position));
      const out = new Uint8Array(plaintext.length + TAG_BYTES);
      out.set(cipher.update(plaintext), 0);
      cipher.final();
      out.set(cipher.getAuthTag(), plaintext.length);
      return out;
    },
    open(position, bytes) {
      if (bytes.length < TAG_BYTES) return undefined;
      const at = bytes.length - TAG_BYTES;
      const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(position), { authTagLength: TAG_BYTES });
      decipher.setAuthTag(bytes.subarray(at));
      const opened = decipher.update(bytes.subarray(0, at));
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return new Uint8Array(opened);
    },
  };
}
