import { type ContractCall, encodePlaces } from '@pulseseal/chaincode';
import { type CryptoProvider, toHex } from '@pulseseal/crypto';
import { type CoseKey, encodeCoseKey } from '@pulseseal/protocol';

/** A call as it is written down, and the name it has for ever. */
export interface Transaction {
  readonly bytes: Uint8Array;
  readonly txId: string;
}

/**
 * transaction = [fn, [* bstr], ? act / null, ? [+ h32]]: the act and the hashes of the side inputs stand there only
 * when there are some, so that AnchorTreeHead is exactly CBOR(["AnchorTreeHead", [sth, consistency]]).
 */
export function transactionOf(
  call: ContractCall,
  transient: readonly Uint8Array[],
  crypto: CryptoProvider,
): Transaction {
  const hashes = transient.map((bytes) => crypto.sha256(bytes));
  const tail = hashes.length > 0 ? [call.act ?? null, hashes] : call.act === undefined ? [] : [call.act];
  return named(encodePlaces([call.fn, [...call.args], ...tail]), crypto);
}

/** First transaction of block 0. */
export function genesisTransaction(genesis: Genesis, signer: CoseKey, crypto: CryptoProvider): Transaction {
  const name = new TextEncoder().encode(genesis.name);
  return named(encodePlaces(['Genesis', [name, encodeCoseKey(genesis.operatorKey), encodeCoseKey(signer)]]), crypto);
}

/** Last transaction of every block: puts what the others changed under the block's root, so that a start need not run them again. */
export function writeSetsTransaction(effects: Uint8Array, crypto: CryptoProvider): Uint8Array {
  return encodePlaces(['WriteSets', [crypto.sha256(effects)]]);
}

function named(bytes: Uint8Array, crypto: CryptoProvider): Transaction {
  return { bytes, txId: toHex(crypto.sha256(bytes)) };
}

export interface Genesis {
  /** What people call this ledger, 1 to 64 characters. */
  readonly name: string;
  /** The key that may register gateways, ML-DSA-65. */
  readonly operatorKey: CoseKey;
}

/**
 * SHA-256("ps1 ledger" || CBOR([name, operator's cosekey, signer's cosekey])): whoever knows the id can check the
 * keys of the ledger by it.
 */
export function ledgerIdOf(genesis: Genesis, signer: CoseKey, crypto: CryptoProvider): Uint8Array {
  const parts = encodePlaces([genesis.name, encodeCoseKey(genesis.operatorKey), encodeCoseKey(signer)]);
  return crypto.sha256Parts(new TextEncoder().encode('ps1 ledger'), parts);
}
