import type { CallEffects } from '@pulseseal/chaincode';
import { type CryptoProvider, equalBytes } from '@pulseseal/crypto';
import { logLeaf, type MessageSigner, merkleRoot, parseSigned, signBody } from '@pulseseal/protocol';
import { ledgerFailure } from '../failures.ts';
import { pack, unpack } from './frames.ts';
import { writeSetsTransaction } from './transaction.ts';

/** One record of the log: the signed block, its transactions, and what each of them changed. */
export interface BlockRecord {
  readonly block: Uint8Array;
  /** The last one is the WriteSets transaction. */
  readonly transactions: readonly Uint8Array[];
  /** One per transaction but the last. */
  readonly effects: readonly CallEffects[];
}

export interface ChainTip {
  /** Number of blocks. */
  readonly height: number;
  /** SHA-256 of the newest block's payload; 32 zero bytes before the first. */
  readonly previous: Uint8Array;
  readonly timeMs: number;
}

export const emptyChain: ChainTip = { height: 0, previous: new Uint8Array(32), timeMs: 0 };

export interface SealedBlock {
  readonly record: Uint8Array;
  readonly tip: ChainTip;
  readonly transactions: readonly Uint8Array[];
}

/** Signs the next block over `calls` and gives the record to append. */
export function sealBlock(
  tip: ChainTip,
  timeMs: number,
  calls: readonly { readonly bytes: Uint8Array; readonly effects: CallEffects }[],
  signer: MessageSigner,
  crypto: CryptoProvider,
): SealedBlock {
  const effects = pack(calls.map((call) => encodeEffects(call.effects)));
  const transactions = [...calls.map((call) => call.bytes), writeSetsTransaction(effects, crypto)];
  const block = signBody(
    'block',
    {
      ledger: signer.thumbprint,
      height: tip.height,
      previous: tip.previous,
      timeMs,
      root: rootOf(transactions, crypto),
      transactions: transactions.length,
    },
    signer,
  );
  const previous = crypto.sha256(parseSigned(block, 'block').payload);
  return {
    record: pack([block, effects, ...transactions]),
    tip: { height: tip.height + 1, previous, timeMs },
    transactions,
  };
}

/** Reads a record without judging it. @throws Failure `chain-damaged`. */
export function parseBlockRecord(bytes: Uint8Array): BlockRecord & { readonly effectsBytes: Uint8Array } {
  const [block, effectsBytes, ...transactions] = unpack(bytes);
  if (block === undefined || effectsBytes === undefined) throw ledgerFailure('chain-damaged', 'record is too short');
  return { block, effectsBytes, transactions, effects: unpack(effectsBytes).map(parseEffects) };
}

/** Checks everything but the signature against the chain so far. Answers the first fault in words, or the new tip. */
export function checkLink(
  record: ReturnType<typeof parseBlockRecord>,
  tip: ChainTip,
  signerThumbprint: Uint8Array,
  crypto: CryptoProvider,
): { readonly fault: string } | { readonly tip: ChainTip; readonly signed: ReturnType<typeof parseSigned<'block'>> } {
  const signed = parseSigned(record.block, 'block');
  const { body } = signed;
  const { transactions } = record;
  if (!equalBytes(body.ledger, signerThumbprint)) return { fault: 'signed for another ledger key' };
  if (body.height !== tip.height) return { fault: `names height ${body.height}` };
  if (!equalBytes(body.previous, tip.previous)) return { fault: 'does not name the block before it' };
  if (body.timeMs < tip.timeMs) return { fault: 'is older than the block before it' };
  if (body.transactions !== transactions.length || record.effects.length !== transactions.length - 1)
    return { fault: 'has another number of transactions' };
  if (!equalBytes(body.root, rootOf(transactions, crypto))) return { fault: 'root differs from its transactions' };
  if (!equalBytes(transactions.at(-1)!, writeSetsTransaction(record.effectsBytes, crypto)))
    return { fault: 'write sets differ from their hash' };
  return { signed, tip: { height: tip.height + 1, previous: crypto.sha256(signed.payload), timeMs: body.timeMs } };
}

export const transactionLeaves = (transactions: readonly Uint8Array[], crypto: CryptoProvider): Uint8Array[] =>
  transactions.map((transaction) => logLeaf(transaction, crypto));

const rootOf = (transactions: readonly Uint8Array[], crypto: CryptoProvider): Uint8Array =>
  merkleRoot(transactionLeaves(transactions, crypto), crypto);

const text = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true });

function encodeEffects({ writes, events }: CallEffects): Uint8Array {
  return pack([
    pack(writes.flatMap(({ key, value }) => [text.encode(key), value])),
    pack(events.flatMap(({ name, payload }) => [text.encode(name), payload])),
  ]);
}

function parseEffects(bytes: Uint8Array): CallEffects {
  const [writes, events] = unpack(bytes);
  if (writes === undefined || events === undefined) throw ledgerFailure('chain-damaged', 'write set is too short');
  return {
    writes: pairs(writes).map(([key, value]) => ({ key: strict.decode(key), value })),
    events: pairs(events).map(([name, payload]) => ({ name: strict.decode(name), payload })),
  };
}

function pairs(bytes: Uint8Array): [Uint8Array, Uint8Array][] {
  const parts = unpack(bytes);
  if (parts.length % 2 !== 0) throw ledgerFailure('chain-damaged', 'write set has an odd part');
  return Array.from({ length: parts.length / 2 }, (_, i) => [parts[2 * i]!, parts[2 * i + 1]!]);
}

/** Bytes that a call adds to its block's record. */
export function callBytes(transaction: Uint8Array, effects: CallEffects): number {
  return transaction.length + encodeEffects(effects).length + 8;
}
