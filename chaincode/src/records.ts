import { encode, parsePlaces } from './codec.ts';

/** What a query answers, as CBOR arrays in the order of the fields below. Times are the block's, ms since 1970 UTC. */

export interface GatewayRecord {
  /** Encoded COSE key. */
  readonly key: Uint8Array;
  readonly tenant: string;
  readonly logId: Uint8Array;
  readonly registeredMs: number;
  /** Null while in service. */
  readonly retiredMs: number | null;
}

export interface DeviceRecord {
  readonly owner: Uint8Array;
  readonly saltedKeyHash: Uint8Array;
  readonly registeredMs: number;
  readonly retiredMs: number | null;
}

export interface RecipientRecord {
  /** Encoded COSE key of the identity. */
  readonly identity: Uint8Array;
  readonly prekeyHash: Uint8Array;
  readonly untilMs: number;
  readonly putMs: number;
}

export interface ConsentRecord {
  readonly pseudonym: Uint8Array;
  readonly rid: Uint8Array;
  readonly grantedMs: number;
  readonly revokedMs: number | null;
}

export interface ManifestRecord {
  readonly version: number;
  /** H(manifest). */
  readonly hash: Uint8Array;
  readonly previous: Uint8Array | null;
  readonly putMs: number;
}

export interface TreeHeadRecord {
  readonly gateway: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  /** H(sth); field 7 of the next one. */
  readonly hash: Uint8Array;
  readonly anchoredMs: number;
}

export interface DisputeRecord {
  /** H(close A), and H(close B) or H(leaf table). */
  readonly evidence: readonly [Uint8Array, Uint8Array];
  readonly reporter: Uint8Array;
  readonly reportedMs: number;
}

/** Times and numbers that may be absent are an empty or one-place list, so that every place keeps one type. */
const optional = (value: number | null): number[] => (value === null ? [] : [value]);
const only = (values: readonly number[]): number | null => values[0] ?? null;

export const gatewayRecord = {
  encode: (r: GatewayRecord) => encode([r.key, r.tenant, r.logId, r.registeredMs, optional(r.retiredMs)]),
  parse: (bytes: Uint8Array): GatewayRecord =>
    parsePlaces(bytes, 'gateway record', (f) => ({
      key: f.bytes(),
      tenant: f.text(),
      logId: f.bytes(32),
      registeredMs: f.uint(),
      retiredMs: only(f.list((i) => i.uint())),
    })),
};

export const deviceRecord = {
  encode: (r: DeviceRecord) => encode([r.owner, r.saltedKeyHash, r.registeredMs, optional(r.retiredMs)]),
  parse: (bytes: Uint8Array): DeviceRecord =>
    parsePlaces(bytes, 'device record', (f) => ({
      owner: f.bytes(32),
      saltedKeyHash: f.bytes(32),
      registeredMs: f.uint(),
      retiredMs: only(f.list((i) => i.uint())),
    })),
};

export const recipientRecord = {
  encode: (r: RecipientRecord) => encode([r.identity, r.prekeyHash, r.untilMs, r.putMs]),
  parse: (bytes: Uint8Array): RecipientRecord =>
    parsePlaces(bytes, 'recipient record', (f) => ({
      identity: f.bytes(),
      prekeyHash: f.bytes(32),
      untilMs: f.uint(),
      putMs: f.uint(),
    })),
};

export const consentRecord = {
  encode: (r: ConsentRecord) => encode([r.pseudonym, r.rid, r.grantedMs, optional(r.revokedMs)]),
  parse: (bytes: Uint8Array): ConsentRecord =>
    parsePlaces(bytes, 'consent record', (f) => ({
      pseudonym: f.bytes(16),
      rid: f.bytes(8),
      grantedMs: f.uint(),
      revokedMs: only(f.list((i) => i.uint())),
    })),
};

export const manifestRecord = {
  encode: (r: ManifestRecord) => encode([r.version, r.hash, r.previous, r.putMs]),
  parse: (bytes: Uint8Array): ManifestRecord =>
    parsePlaces(bytes, 'manifest record', (f) => ({
      version: f.uint(),
      hash: f.bytes(32),
      previous: f.bytesOrNull(32),
      putMs: f.uint(),
    })),
};

export const treeHeadRecord = {
  encode: (r: TreeHeadRecord) => encode([r.gateway, r.size, r.root, r.hash, r.anchoredMs]),
  parse: (bytes: Uint8Array): TreeHeadRecord =>
    parsePlaces(bytes, 'tree head record', (f) => ({
      gateway: f.bytes(32),
      size: f.uint(),
      root: f.bytes(32),
      hash: f.bytes(32),
      anchoredMs: f.uint(),
    })),
};

export const disputeRecord = {
  encode: (r: DisputeRecord) => encode([...r.evidence, r.reporter, r.reportedMs]),
  parse: (bytes: Uint8Array): DisputeRecord =>
    parsePlaces(bytes, 'dispute record', (f) => ({
      evidence: [f.bytes(32), f.bytes(32)],
      reporter: f.bytes(32),
      reportedMs: f.uint(),
    })),
};
