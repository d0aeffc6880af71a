import { type CryptoProvider, equalBytes, erase } from '@pulseseal/crypto';
import {
  cardHash,
  commitment,
  type Disclosure,
  demand,
  openHash,
  openRecipientWrap,
  parseSigned,
  refuse,
  scopeChain,
} from '@pulseseal/protocol';

/** Bytes as received and kept; the caller finds them. */
export interface DisclosureInput {
  readonly open: Uint8Array;
  /** The recipient's own wrap. */
  readonly wrap: Uint8Array;
  readonly manifest: Uint8Array;
  readonly rid: Uint8Array;
  readonly prekeySeed: Uint8Array;
  readonly scope: number;
  readonly segment: number;
  /** Payload of the scope's card frame. */
  readonly card: Uint8Array;
}

/**
 * The key of one scope and segment, for a proof that shows a value. It opens every frame of that scope in that segment
 * to whoever holds their ciphertext, and nothing else: the person who exports must be told so.
 * @throws Refusal not-listed, manifest-unknown, wrap-mismatch, wrap-failed, scope-mismatch, commitment-mismatch, card-mismatch
 */
export async function disclose(input: DisclosureInput, crypto: CryptoProvider): Promise<Disclosure> {
  const { rid, scope, segment, card } = input;
  const open = parseSigned(input.open, 'open').body;
  demand(equalBytes(crypto.sha256(input.manifest), open.manifestHash), 'manifest-unknown');
  const manifest = parseSigned(input.manifest, 'manifest').body;
  const own = manifest.recipients.find((entry) => equalBytes(entry.rid, rid)) ?? refuse('not-listed');
  const expectedCard = open.cardHashes.get(scope);
  demand(expectedCard !== undefined && equalBytes(cardHash(card, crypto), expectedCard), 'card-mismatch');
  const { device, boot, epoch, manifestHash } = open;
  const context = { rid, prekeyId: own.prekeyId, device, boot, epoch, manifestHash };
  const opened = await openRecipientWrap(input.wrap, input.prekeySeed, context, crypto);
  erase(opened.ack);
  try {
    const es = opened.scopes.get(scope) ?? refuse('scope-mismatch');
    const made = commitment(es, device, boot, epoch, scope, crypto);
    demand(equalBytes(made, open.commitments.get(scope) ?? new Uint8Array(0)), 'commitment-mismatch');
    const chain = scopeChain(es, openHash(input.open, crypto), crypto);
    const key = chain.take(segment);
    chain.erase();
    const sk = key.secret.slice();
    key.erase();
    return { scope, segment, sk, card };
  } finally {
    for (const es of opened.scopes.values()) erase(es);
  }
}
