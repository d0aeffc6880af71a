import { type CryptoProvider, toHex } from '@pulseseal/crypto';
import type { Position } from '@pulseseal/log';
import { encodeGaps, encodeKeys, encodeLeaves, encodeOpening, type Frame, type Range } from '@pulseseal/protocol';
import type { Instruments } from './instruments.ts';
import type { Journal } from './journal.ts';
import { PREFIX_BYTES } from './journal-record.ts';
import type { Feed, FeedChannel, FeedItem } from './ports.ts';
import { sameBytes } from './received.ts';
import type { EpochState, RecipientView } from './state.ts';

/** Who gets what. Everything here is on disk already. */
export interface Forwarder {
  frame(epoch: EpochState, frame: Frame, position: Position, arrivedMs: number): void;
  /** endorse, beacon and manifest when new, then the opening without its tag. */
  opening(epoch: EpochState, open: Uint8Array, before: BeforeOpening, arrivedMs: number): void;
  keys(epoch: EpochState, wraps: readonly Uint8Array[], arrivedMs: number): void;
  close(epoch: EpochState, message: Uint8Array, position: Position, arrivedMs: number): void;
  leaves(epoch: EpochState, segment: number, first: number, leaves: readonly Uint8Array[], arrivedMs: number): void;
  gaps(epoch: EpochState, segment: number, state: 0 | 1 | 2, ranges: readonly Range[], arrivedMs: number): void;
  /** To every reader of the epoch. */
  all(epoch: EpochState, channel: FeedChannel, message: Uint8Array, arrivedMs: number): void;
  one(rid: string, channel: FeedChannel, message: Uint8Array, arrivedMs: number, tail?: Uint8Array): void;
  mayRead(recipient: RecipientView): boolean;
  /** Hands over what one commit brought. */
  flush(): void;
  /** False when it was known. */
  revoke(consent: string): boolean;
  /** Undefined: a feed keeps nothing, or there is none. */
  upstream(): Position | undefined;
}

export interface BeforeOpening {
  readonly endorse: Uint8Array;
  readonly beacon: Uint8Array | undefined;
  readonly manifest: Uint8Array;
}

export interface ForwardPorts {
  readonly crypto: CryptoProvider;
  readonly journal: Journal;
  readonly feeds: readonly Feed[];
  readonly instruments: Instruments;
  /** Consents that ended before this start: a gateway that comes back while the ledger is away still knows them. */
  readonly revoked: readonly string[];
  /** Data time: manifests are judged by it. */
  readonly nowMs: () => number;
}

export function createForwarder(ports: ForwardPorts): Forwarder {
  const { crypto, journal, feeds, instruments, nowMs } = ports;
  const revoked = new Set(ports.revoked);
  let items: FeedItem[] = [];

  const mayReadAt = (r: RecipientView, atMs: number): boolean => {
    if (revoked.size > 0 && revoked.has(r.consent)) return false;
    return r.expiresMs > atMs;
  };
  const mayRead = (r: RecipientView): boolean => mayReadAt(r, nowMs());
  const all: Forwarder['all'] = (epoch, channel, message, arrivedMs) => {
    for (const [i, r] of epoch.manifest.recipients.entries()) {
      if (epoch.wrapHashes[i] === null || !mayRead(r)) continue;
      items.push({ rid: r.rid, channel, arrivedMs, message });
    }
  };
  return {
    mayRead,
    all,
    one: (rid, channel, message, arrivedMs, tail) =>
      void items.push({ rid, channel, arrivedMs, message, ...(tail === undefined ? {} : { tail }) }),
    frame(epoch, frame, position, arrivedMs) {
      const readers = epoch.routes.get(frame.st);
      if (readers === undefined) return;
      let at: FeedItem['at'];
      for (let i = 0; i < readers.length; i++) {
        const reader = readers[i]!;
        if (!mayReadAt(reader, arrivedMs)) continue;
        at ??= { position, offset: PREFIX_BYTES, length: frame.raw.length };
        items.push({ rid: reader.rid, channel: 'f', arrivedMs, message: frame.raw, at });
      }
    },
    opening(epoch, open, before, arrivedMs) {
      const isNew = !sameOrUndefined(epoch.device.sentManifest, epoch.manifest.hash);
      if (isNew) {
        all(epoch, 'f', before.endorse, arrivedMs);
        all(epoch, 'f', before.manifest, arrivedMs);
        epoch.device.sentManifest = epoch.manifest.hash;
      }
      if (before.beacon !== undefined) all(epoch, 'f', before.beacon, arrivedMs);
      all(epoch, 'f', encodeOpening(open), arrivedMs);
    },
    keys(epoch, wraps, arrivedMs) {
      for (const wrap of wraps) {
        const place = epoch.wrapHashes.indexOf(toHex(crypto.sha256(wrap)));
        const reader = epoch.manifest.recipients[place];
        if (reader === undefined || !mayRead(reader)) continue;
        items.push({ rid: reader.rid, channel: 'f', arrivedMs, message: encodeKeys(epoch.eh, [wrap]) });
      }
    },
    close(epoch, message, position, arrivedMs) {
      const at = { position, offset: PREFIX_BYTES, length: message.length };
      for (const [i, r] of epoch.manifest.recipients.entries()) {
        if (epoch.wrapHashes[i] === null || !mayRead(r)) continue;
        items.push({ rid: r.rid, channel: 'f', arrivedMs, message, at });
      }
    },
    leaves: (epoch, segment, first, leaves, arrivedMs) =>
      all(epoch, 'f', encodeLeaves(epoch.eh, segment, first, leaves), arrivedMs),
    gaps: (epoch, segment, state, ranges, arrivedMs) => {
      if (ranges.length > 0) all(epoch, 'p', encodeGaps(epoch.eh, segment, state, ranges), arrivedMs);
    },
    flush() {
      if (items.length === 0) return;
      const given = items;
      items = [];
      instruments.forwarded.add(given.length);
      for (const feed of feeds) feed.give(given, journal.endPosition);
    },
    revoke(consent) {
      const isNew = !revoked.has(consent);
      revoked.add(consent);
      return isNew;
    },
    upstream() {
      let least: Position | undefined;
      for (const feed of feeds) {
        const at = feed.upstream();
        if (at !== undefined) least = least === undefined ? at : Math.min(least, at);
      }
      return least;
    },
  };
}

const sameOrUndefined = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && sameBytes(a, b);
