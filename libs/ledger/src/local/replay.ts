import type { CryptoProvider } from '@pulseseal/crypto';
import type { Log } from '@pulseseal/log';
import { type CoseKey, Refusal, type Signed, thumbprint, verifySignedAsync } from '@pulseseal/protocol';
import { ledgerFailure } from '../failures.ts';
import { MAX_VERIFY_IN_FLIGHT } from '../limits.ts';
import { checkLink, parseBlockRecord } from './block-record.ts';
import type { LedgerState } from './state.ts';

/**
 * Reads the whole chain and builds the state from it: links, roots, write sets and every signature are checked.
 * @throws Failure `chain-damaged` naming the first bad block.
 */
export async function replayChain(
  log: Log,
  state: LedgerState,
  signer: CoseKey,
  crypto: CryptoProvider,
): Promise<void> {
  const checks: Promise<void>[] = [];
  try {
    await readChain(log, state, signer, crypto, checks);
  } finally {
    // An earlier block's signature is the first fault, also when a later block broke the reading.
    await settle(checks);
  }
}

async function readChain(
  log: Log,
  state: LedgerState,
  signer: CoseKey,
  crypto: CryptoProvider,
  checks: Promise<void>[],
): Promise<void> {
  const signerThumbprint = thumbprint(signer, crypto);
  for (let from = 0; from < log.endPosition; ) {
    const page = await log.readFrom(from);
    const damage = page.damaged[0];
    for (const record of page.records) {
      if (damage !== undefined && record.position > damage.position) break;
      const { height } = state.tip;
      const parsed = parsedBlock(record.data, height);
      const link = linked(parsed, state, signerThumbprint, crypto, height);
      checks.push(checkSignature(link.signed, height, signer, crypto));
      if (checks.length >= MAX_VERIFY_IN_FLIGHT) await settle(checks.splice(0));
      const { transactions, effects } = parsed;
      state.apply({ tip: link.tip, position: record.position, transactions, effects });
    }
    if (damage !== undefined) throw bad(state.tip.height, damage.reason);
    from = page.next;
  }
  const [damage] = log.recovery.damaged;
  if (damage !== undefined) throw bad(state.tip.height, damage.reason);
}

async function checkSignature(
  signed: Signed<'block'>,
  height: number,
  signer: CoseKey,
  crypto: CryptoProvider,
): Promise<void> {
  if (!(await verifySignedAsync(signed, signer, crypto))) throw bad(height, 'signature');
}

/** Waits for all, then throws the first fault in chain order. */
async function settle(checks: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(checks);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

function parsedBlock(bytes: Uint8Array, height: number): ReturnType<typeof parseBlockRecord> {
  try {
    return parseBlockRecord(bytes);
  } catch (error) {
    throw bad(height, 'record', error);
  }
}

function linked(
  parsed: ReturnType<typeof parseBlockRecord>,
  state: LedgerState,
  signerThumbprint: Uint8Array,
  crypto: CryptoProvider,
  height: number,
) {
  try {
    const link = checkLink(parsed, state.tip, signerThumbprint, crypto);
    if ('fault' in link) throw bad(height, link.fault);
    return link;
  } catch (error) {
    if (error instanceof Refusal) throw bad(height, error.refusal, error);
    throw error;
  }
}

const bad = (height: number, fault: string, cause?: unknown) =>
  ledgerFailure('chain-damaged', `block ${height}: ${fault}`, cause);
