import type { CryptoProvider } from '@pulseseal/crypto/browser';
import { parseWhole, type Reader, Writer } from './cbor.ts';
import { LIMITS } from './limits.ts';
import type { StreamClass } from './messages/bodies.ts';
import { demand } from './refusal.ts';

/** Payload model (SPEC section 9): what a frame says once it is open. */

/** One channel of a stream: value = (integer + offset) x m x 10^e in MDC code and unit (IEEE 11073-10101). */
export interface Item {
  readonly code: number;
  readonly unit: number;
  readonly scale: readonly [m: number, e: number, offset: number];
  /** Samples per 1,000 s; 0 = on change or charted. */
  readonly rateMilliHz: number;
  /** Samples a frame for waveforms, 1 for values. */
  readonly block: number;
  readonly codec: 0;
  /** Body site, MDC code; 0 = none. */
  readonly site: number;
}

/** The description of one scope's streams; its hash stands in the signed open, its salt hides it there. */
export interface Card {
  readonly salt: Uint8Array;
  readonly streams: ReadonlyMap<number, readonly Item[]>;
}

export function encodeCard(card: Card): Uint8Array {
  const w = new Writer().array(2).bytes(card.salt);
  return w
    .uintMap(card.streams, (items) => {
      w.list(items, (i) => {
        w.array(7).uint(i.code).uint(i.unit).array(3).int(i.scale[0]).int(i.scale[1]).int(i.scale[2]);
        w.uint(i.rateMilliHz).uint(i.block).uint(i.codec).uint(i.site);
      });
    })
    .finish();
}

export function parseCard(bytes: Uint8Array): Card {
  return parseWhole(bytes, LIMITS.messageBytes, (r) => {
    r.arrayOf(2);
    return {
      salt: r.bytesOf(16),
      streams: r.uintMap(LIMITS.streams, 1, LIMITS.streamId, () => r.list(LIMITS.items, 1, () => readItem(r))),
    };
  });
}

function readItem(r: Reader): Item {
  r.arrayOf(7);
  const code = r.uint();
  const unit = r.uint();
  r.arrayOf(3);
  const scale = [r.int(), r.int(), r.int()] as const;
  // 10^e beyond this is no physical quantity and would overflow the decimal text.
  demand(Math.abs(scale[1]) <= 18, 'out-of-range');
  const rateMilliHz = r.uint();
  const block = r.uint(LIMITS.messageBytes);
  const codec = r.uint(0) as 0;
  return { code, unit, scale, rateMilliHz, block, codec, site: r.uint() };
}

export function cardHash(card: Uint8Array, crypto: CryptoProvider): Uint8Array {
  return crypto.sha256(card);
}

export type Data =
  | { readonly kind: 'values'; readonly values: ReadonlyMap<number, number> }
  | { readonly kind: 'block'; readonly quality: number; readonly samples: Int16Array };

/** Item index -> integer. Holds only what was measured. */
export function encodeValues(values: ReadonlyMap<number, number>): Uint8Array {
  const w = new Writer();
  return w.uintMap(values, (v) => w.int(v)).finish();
}

/** Signed 16-bit little-endian samples. */
export function encodeBlock(quality: number, samples: Int16Array): Uint8Array {
  const bytes = new Uint8Array(samples.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < samples.length; i++) view.setInt16(i * 2, samples[i]!, true);
  return new Writer(bytes.length + 16).array(2).uint(quality).bytes(bytes).finish();
}

/** Class 1 and 3: values; class 2: a waveform block. SenML is not read in version 1. */
export function parseData(payload: Uint8Array, streamClass: StreamClass): Data {
  return parseWhole(payload, LIMITS.messageBytes, (r): Data => {
    if (streamClass === 2) {
      r.arrayOf(2);
      const quality = r.uint(100);
      const bytes = r.byteString();
      demand(bytes.length % 2 === 0 && bytes.length > 0, 'wrong-length');
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const samples = new Int16Array(bytes.length / 2);
      for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(i * 2, true);
      return { kind: 'block', quality, samples };
    }
    return { kind: 'values', values: r.uintMap(LIMITS.items, 1, LIMITS.items - 1, () => r.int()) };
  });
}

export const BEAT_FLAG = { contact: 1, fault: 2, paused: 4 } as const;
export const BEAT_STATE = ['worn', 'off-body', 'charging', 'shutdown'] as const;

/** Heartbeat: the state of every stream but 0, in the order of `open`. */
export interface Beat {
  readonly streams: readonly {
    readonly st: number;
    readonly last: number;
    readonly count: number;
    readonly flags: number;
  }[];
  readonly batteryPercent: number | null;
  /** 0 worn, 1 off body, 2 charging, 3 shutting down or planned pause. */
  readonly state: 0 | 1 | 2 | 3;
}

export function encodeBeat(beat: Beat): Uint8Array {
  const w = new Writer().array(3);
  w.list(beat.streams, (s) => w.array(4).uint(s.st).uint(s.last).uint(s.count).uint(s.flags));
  if (beat.batteryPercent === null) w.null();
  else w.uint(beat.batteryPercent);
  return w.uint(beat.state).finish();
}

export function parseBeat(payload: Uint8Array): Beat {
  return parseWhole(payload, LIMITS.messageBytes, (r) => {
    r.arrayOf(3);
    let before = 0;
    const streams = r.list(LIMITS.streams, 0, () => {
      r.arrayOf(4);
      const st = r.uint(LIMITS.streamId, 1);
      demand(st > before, 'not-canonical');
      before = st;
      return {
        st,
        last: r.uint(LIMITS.seq),
        count: r.uint(LIMITS.segmentFrames),
        flags: r.uint(7),
      };
    });
    const batteryPercent = r.orNull(() => r.uint(100));
    return { streams, batteryPercent, state: r.uint(3) as 0 | 1 | 2 | 3 };
  });
}

/** Exact decimal text of a scaled integer: rounding must never see a binary fraction. */
export function decimalText(integer: number, scale: Item['scale']): string {
  const [m, e, offset] = scale;
  const exact = (BigInt(integer) + BigInt(offset)) * BigInt(m);
  if (e >= 0) return (exact * 10n ** BigInt(e)).toString();
  const negative = exact < 0n;
  const digits = (negative ? -exact : exact).toString().padStart(1 - e, '0');
  const fraction = digits.slice(e).replace(/0+$/, '');
  const whole = digits.slice(0, e);
  return `${negative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

export function physicalValue(integer: number, scale: Item['scale']): number {
  return Number(decimalText(integer, scale));
}
