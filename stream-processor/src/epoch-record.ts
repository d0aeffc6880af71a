import { demand, encodeItem, LIMITS, parseWhole } from '@pulseseal/protocol';

/** What an epoch is made from again after a restart: papers as received, and what was found out about them. Saved sealed. */
export interface EpochRecord {
  readonly rid: Uint8Array;
  readonly history: boolean;
  readonly clockUntrusted: boolean;
  readonly isDisputed: boolean;
  readonly open: Uint8Array;
  readonly endorse: Uint8Array;
  readonly manifest: Uint8Array;
  readonly beacon: Uint8Array | null;
  /** Empty: granted. */
  readonly wrap: Uint8Array;
  /** Releases that granted it as history. */
  readonly grants: readonly Uint8Array[];
  readonly cards: ReadonlyMap<number, Uint8Array>;
}

export const recordName = (rid: string, eh: string): string => `epoch.${rid}.${eh}`;

export function encodeRecord(r: EpochRecord): Uint8Array {
  const flags = (r.history ? 1 : 0) | (r.clockUntrusted ? 2 : 0) | (r.isDisputed ? 4 : 0);
  return encodeItem([
    2,
    r.rid,
    flags,
    r.open,
    r.endorse,
    r.manifest,
    r.beacon,
    r.wrap,
    [...r.cards].map((c) => [...c]),
    [...r.grants],
  ]);
}

export function parseRecord(bytes: Uint8Array): EpochRecord {
  return parseWhole(bytes, bytes.length, (r) => {
    const places = r.array(10, 9);
    // Version 1 knew no grants.
    const version = r.uint(2, 1);
    demand(places === version + 8, 'wrong-length');
    const rid = r.bytesOf(8).slice();
    const flags = r.uint(7);
    const [open, endorse, manifest] = [r.byteString(), r.byteString(), r.byteString()] as const;
    const beacon = r.orNull(() => r.byteString());
    const wrap = r.byteString();
    const cards = r.list(64, 0, () => {
      r.arrayOf(2);
      return [r.uint(), r.byteString()] as const;
    });
    const grants = version === 1 ? [] : r.list(LIMITS.scopes, 0, () => r.byteString());
    return {
      rid,
      history: (flags & 1) !== 0,
      clockUntrusted: (flags & 2) !== 0,
      isDisputed: (flags & 4) !== 0,
      open,
      endorse,
      manifest,
      beacon,
      wrap,
      cards: new Map(cards),
      grants,
    };
  });
}
