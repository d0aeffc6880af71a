/**
 * The closed list of reasons to refuse bytes. Each has the SPEC clause it enforces and a sentence with the next step.
 * A refusal never carries the refused bytes: they may be secret.
 */
export const REFUSALS = {
  'too-large': ['ENC-6', 'The message is over its size limit. Split it or lower the profile’s block size.'],
  truncated: ['ENC-3', 'The bytes end inside an item. Send whole messages.'],
  'trailing-bytes': ['ENC-3', 'Bytes follow the message. Send one message per publish.'],
  'not-canonical': [
    'ENC-3',
    'Not core deterministic CBOR. Encode lengths and integers as short as possible, keys ascending.',
  ],
  'wrong-type': ['ENC-3', 'An item has another CBOR type than the CDDL names.'],
  'wrong-length': ['ENC-3', 'A byte or text string has another length than the CDDL names.'],
  'out-of-range': ['ENC-6', 'A number or count is outside its range.'],
  'unknown-kind': ['ENC-1', 'The first item names no message of version 1.'],
  'unknown-field': ['ENC-3', 'A map has a field that version 1 does not know.'],
  'missing-field': ['ENC-3', 'A mandatory field is absent.'],
  'duplicate-key': ['ENC-3', 'A map repeats a key, or a list names one thing twice.'],
  'wrong-typ': [
    'ENC-7',
    'The protected typ header and the body’s type letter do not agree with what is expected here.',
  ],
  'unprotected-not-empty': ['ENC-8', 'Only -4, 396 and 394 may stand in an unprotected map, each in its own message.'],
  'algorithm-mismatch': ['SUITE-2', 'The COSE algorithm is not the one this message or suite uses.'],
  'suite-refused': ['SUITE-3', 'The suite is not allowed by the beacon and the manifest.'],
  'signature-invalid': ['KEY-9', 'The signature does not verify.'],
  'key-mismatch': ['ID-1', 'The key identifier does not belong to the key.'],
  'mac-fail': ['FRAME-4', 'The gateway tag is wrong. Nothing was stored.'],
  'aead-fail': ['FRAME-5', 'The ciphertext does not open under the committed key.'],
  'padding-invalid': ['FRAME-6', 'The padding is not zero or longer than needed.'],
  'commitment-mismatch': ['EPOCH-7', 'The wrapped secret is not the one the device committed to.'],
  'wrap-mismatch': ['EPOCH-6', 'The wrap is not the one the open names at this place.'],
  'wrap-failed': ['EPOCH-6', 'The wrap does not open with this prekey.'],
  'manifest-unknown': ['EPOCH-5', 'The manifest is not known. Fetch it from the agent or the ledger.'],
  'manifest-stale': ['EPOCH-5', 'The ledger has a newer manifest. Fetch it and open a new epoch.'],
  'not-listed': ['EPOCH-5', 'The recipient is not in the manifest.'],
  'gateway-not-listed': ['EPOCH-4', 'The gateway is not allowed by the patient’s manifest.'],
  'scope-mismatch': ['EPOCH-7', 'The scopes are not those of the manifest.'],
  'beacon-expired': ['EPOCH-3', 'The beacon has expired. Fetch the retained one.'],
  'beacon-foreign': ['EPOCH-3', 'The open names a beacon of another gateway.'],
  'beacon-older': ['EPOCH-4', 'The beacon’s serial is below one already seen.'],
  'stale-counter': ['EPOCH-2', 'Boot and epoch are not newer than those stored. Ask for a resync.'],
  'counter-conflict': ['EPOCH-2', 'Two different opens carry one boot and epoch: two senders hold one key.'],
  'counter-jump': ['TIME-4', 'The resync jumps beyond 2^20. It needs the owner’s signature.'],
  'unknown-epoch': ['EPOCH-1', 'No such epoch here. Send opening and keys again.'],
  'unknown-device': ['EPOCH-1', 'No owner has endorsed this device here.'],
  'revoked-device': ['EPOCH-1', 'The device is retired.'],
  'topic-mismatch': ['TOPIC-2', 'Topic, client identity and message do not name one device.'],
  'topic-denied': ['TOPIC-3', 'This identity may not use this topic.'],
  rate: ['TOPIC-5', 'Over the rate allowed. Wait and send again.'],
  'seq-conflict': ['FRAME-8', 'The number was used for another frame. The device must open a new epoch.'],
  'not-in-close': ['SEG-5', 'The segment is closed without this frame.'],
  'count-exceeded': ['SEG-1', 'A segment holds at most 4,096 frames.'],
  'close-chain': ['SEG-3', 'The close does not follow the one before it.'],
  'root-mismatch': ['SEG-4', 'The root is not that of the leaves.'],
  disputed: ['SEG-6', 'Two different closes exist for one segment.'],
  'path-invalid': ['LOG-2', 'The inclusion path does not lead to the root.'],
  'consistency-invalid': ['LOG-3', 'The newer tree head does not extend the older one.'],
  'receipt-invalid': ['LOG-4', 'The receipt does not verify.'],
  'anchor-invalid': ['LOG-6', 'The ledger block does not hold the tree head.'],
  'kcv-mismatch': ['SEG-2', 'The segment key is not the one the close commits to.'],
  'card-mismatch': ['PAY-2', 'The card is not the one the open names.'],
  'not-endorsed': ['ENROL-3', 'The owner has not endorsed this device key.'],
  expired: ['ENROL-3', 'The certificate or token has expired.'],
  'nonce-mismatch': ['ENROL-5', 'The nonce is not the one just given, or was used. Ask for a new one.'],
  'login-refused': ['TOPIC-4', 'The login does not prove the identity.'],
  'owner-mismatch': ['ENROL-4', 'The owner is not the pinned or registered one.'],
  'use-bulk': ['EPOCH-9', 'The keys of this epoch are dropped. Send its rest by bulk.'],
  'bulk-content': ['EPOCH-9', 'Bulk holds openings, keys, closes and frames only.'],
} as const satisfies Record<string, readonly [clause: string, text: string]>;

export type RefusalName = keyof typeof REFUSALS;

export const refusalNames = Object.keys(REFUSALS) as readonly RefusalName[];

/** Bytes refused for one named reason. */
export class Refusal extends Error {
  readonly refusal: RefusalName;
  readonly clause: string;

  constructor(refusal: RefusalName) {
    super(`${refusal}: ${REFUSALS[refusal][1]} [${REFUSALS[refusal][0]}]`);
    this.name = 'Refusal';
    this.refusal = refusal;
    this.clause = REFUSALS[refusal][0];
  }
}

/** Throws; typed so that it can stand in an expression. */
export function refuse(refusal: RefusalName): never {
  throw new Refusal(refusal);
}

export function demand(condition: boolean, refusal: RefusalName): asserts condition {
  if (!condition) throw new Refusal(refusal);
}

export type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: RefusalName };

/** Turns a thrown `Refusal` into a value; everything else stays thrown. */
export function attempt<T>(run: () => T): Attempt<T> {
  try {
    return { ok: true, value: run() };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, refusal: error.refusal };
    throw error;
  }
}
