import { parseWhole } from './cbor.ts';
import { type AnySigned, parseAnySigned } from './cose.ts';
import { LIMITS } from './limits.ts';
import { type Ctl, checkCtlContent, parseCtl } from './messages/ctl.ts';
import { type Frame, parseFrame } from './messages/frame.ts';
import { type Plain, readPlain } from './messages/plain.ts';
import { refuse } from './refusal.ts';

/** Every message of version 1. Parsed is not verified. */
export type Message = AnySigned | Frame | Ctl | Plain;

/** The first item tells the kind (SPEC clause ENC-1). */
export function parseMessage(bytes: Uint8Array, maxBytes: number = LIMITS.messageBytes): Message {
  if (bytes.length > maxBytes) refuse('too-large');
  if (bytes.length < 2) refuse('truncated');
  const first = bytes[0]!;
  if (first === 0xd2) return parseAnySigned(bytes);
  if (first >> 5 !== 4) refuse('unknown-kind');
  const second = bytes[1]!;
  if (second <= 3) return parseFrame(bytes, maxBytes);
  if (second >= 24 && second !== 0x18) refuse('unknown-kind');
  const number = second === 0x18 ? (bytes[2] ?? 0) : second;
  if (number >= 32) return parseWhole(bytes, maxBytes, (r) => readPlain(r, bytes));
  const ctl = parseCtl(bytes);
  checkCtlContent(ctl);
  return ctl;
}
