import { join } from 'node:path';
import { createNativeCrypto, type KeyStore } from '@pulseseal/crypto';
import { openEvidenceReader } from '@pulseseal/edge-gateway';
import type { Ledger } from '@pulseseal/ledger';
import { Refusal } from '@pulseseal/protocol';
import { Failure } from '@pulseseal/runtime';
import type { StateStore } from '@pulseseal/stream-processor';
import type { Ward } from '../processes/care-state.ts';
import { assembleProof, NoProof } from './assemble.ts';

export interface ProofFolder {
  proof(readingId: string): Promise<Uint8Array | undefined>;
  /** The same, but with the reason when there is none. @throws */
  explain(readingId: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface ProofParts {
  readonly ledger: Ledger;
  readonly care: { readonly keys: KeyStore; readonly state: StateStore; readonly ward: Ward };
}

/** Proofs out of a data folder: reads the edge's journal and index, asks the ledger, discloses with care's keys. */
export async function openProofSource(dataDir: string, parts: ProofParts): Promise<ProofFolder> {
  const crypto = createNativeCrypto();
  const { keys, state, ward } = parts.care;
  const care = { keys, state, rids: () => ward.entries.map((entry) => entry.rid) };
  const explain = async (readingId: string) => {
    // Opened for each proof: proofs are rare, and the index grows under an open reader.
    const evidence = await openEvidenceReader({
      journalDir: join(dataDir, 'edge', 'journal'),
      indexPath: join(dataDir, 'edge', 'index', 'catalogue.sqlite'),
      crypto,
    });
    try {
      return await assembleProof(readingId, evidence, parts.ledger, care, crypto);
    } finally {
      await evidence.close();
    }
  };
  return {
    explain,
    async proof(readingId) {
      try {
        return await explain(readingId);
      } catch (error) {
        if (error instanceof NoProof || error instanceof Refusal || error instanceof Failure) return undefined;
        throw error;
      }
    },
    async close() {},
  };
}
