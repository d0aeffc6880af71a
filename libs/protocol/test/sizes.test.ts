import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { encodeBeat, encodeLeaves, encodeProof, sealFrame } from '../src/mod.ts';
import { buildBundle, buildProof } from '../tools/bundle.ts';
import { message, native, samples, world } from './fixture.ts';

const spec = readFileSync(join(dirname(fileURLToPath(import.meta.url)), '..', 'SPEC.md'), 'utf8');

/** A frame in the middle of an epoch: seq and dt of three and four bytes. */
const frame = (payloadBytes: number, pad: number, st = 1) => {
  const payload = new Uint8Array(payloadBytes);
  payload.set(
    payloadBytes > 256 ? [0x59, (payloadBytes - 3) >> 8, (payloadBytes - 3) & 255] : [0x58, payloadBytes - 2],
  );
  const f = { ft: 1, st, seq: 5810, dt: 1_500_000, prev: 5807, payload, pad, oh: samples.oh, sg: 31 } as const;
  return sealFrame(f, samples.segmentKeys.get(1)!, samples.link.up, native).raw.length;
};
const beat = (streams: number) =>
  encodeBeat({
    streams: Array.from({ length: streams }, (_, i) => ({ st: i + 1, last: 5900, count: 60, flags: 1 })),
    batteryPercent: 88,
    state: 0,
  }).length;
const { disclosure: _d, ...sealedOnly } = buildProof(world, samples);

/** Row of the table in SPEC section 11 -> what the code makes. */
const measured: { readonly [row: string]: number } = {
  beacon: message('beacon').length,
  'manifest, 1 recipient': message('manifest, 1 recipient').length,
  'manifest, 4 recipients': message('manifest').length,
  'manifest, 8 recipients': message('manifest, 8 recipients').length,
  endorse: message('endorse').length,
  'login password, suite 1': message('login password').length,
  'open, suite 1': message('open').length,
  'open, suite 2': message('open, suite 2').length,
  'opening over its open': message('opening').length - message('open').length,
  'wrap for the gateway': message('wrap for the gateway').length,
  'wrap for a recipient': message('wrap for a recipient').length,
  'keys, 4 wraps': message('keys').length,
  'close, suite 1': message('close').length,
  'close, suite 2': message('close, suite 2').length,
  'ctl close, suite 1': message('ctl close').length,
  sth: message('sth').length,
  receipt: message('receipt').length,
  'accept, short': message('ctl accept, short').length,
  progress: message('ctl progress').length,
  'progress, full': message('ctl progress, full').length,
  'nack, two gaps': message('ctl nack').length,
  'repair, 3 leaves': message('ctl repair').length,
  rack: message('rack').length,
  'edge, 3 epochs': message('edge').length,
  'leaves, 72 frames': encodeLeaves(
    samples.oh.subarray(0, 8),
    31,
    5810,
    Array.from({ length: 72 }, () => samples.oh),
  ).length,
  'leaves, 192 frames': encodeLeaves(
    samples.oh.subarray(0, 8),
    31,
    5810,
    Array.from({ length: 192 }, () => samples.oh),
  ).length,
  'frame, values padded to 24 B': frame(20, 24),
  'frame, 254 B of PPG': frame(254, 0),
  'frame, 508 B of ECG': frame(508, 0),
  'heartbeat, 1 stream': frame(beat(1), 16, 0),
  'heartbeat, 3 streams': frame(beat(3), 16, 0),
  'proof bundle, with disclosure': buildBundle(world, samples).length,
  'proof bundle, without disclosure': encodeProof(sealedOnly).length,
};

describe('sizes', () => {
  it('the table of SPEC.md is what the code makes [ENC-11]', () => {
    const table = new Map(
      [...spec.matchAll(/^\|\s*([^|\n]+?)\s*\|\s*([\d,]+)\s*\|$/gm)].map((m) => [
        m[1]!,
        Number(m[2]!.replaceAll(',', '')),
      ]),
    );
    expect(Object.fromEntries(Object.keys(measured).map((row) => [row, table.get(row)]))).toEqual(measured);
  });

  it('a frame costs 53 bytes above its payload [FRAME-1]', () => {
    // Unpadded payload of 254 bytes: AEAD tag 16, gateway tag 9, eh 9, prev 3, other header 16.
    expect(measured['frame, 254 B of PPG']! - 254).toBe(53);
  });

  it('signing one close a minute costs less than a tenth of signing every frame [ENC-11]', () => {
    const perFrame = 3 * 3309;
    const perClose = measured['ctl close, suite 1']! / 60;
    expect(perClose * 10).toBeLessThan(perFrame);
  });
});
