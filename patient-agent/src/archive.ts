import type { CryptoProvider, KeyStore } from '@pulseseal/crypto';
import type { Random } from '@pulseseal/runtime';
import { ensureSeed } from './keys.ts';
import type { AgentStore } from './ports.ts';
import type { AgentState, Invitation } from './state.ts';
import { openVault, type Vault, vaultGeneration } from './vault.ts';

/** The patient's own archive: one more recipient in every manifest, and the vault of what its wraps held. */
export interface Archive {
  readonly vault: Vault;
  readonly seed: Uint8Array;
  invitation(scopes: readonly number[]): Invitation;
}

const prekeyId = 1;
/** The archive's own key does not rotate: it is as long-lived as the vault (protocol 3). */
const expiresMs = Date.UTC(2099, 0, 1);

export async function openArchive(ports: {
  readonly keys: KeyStore;
  readonly store: AgentStore;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  readonly state: AgentState;
  readonly save: () => void;
  /** Full name of a part in the key store. */
  readonly name: (part: string) => string;
}): Promise<Archive> {
  const { keys, store, random, crypto, state, save, name } = ports;
  const seed = await ensureSeed(keys, name('archive'), random);
  const prekey = crypto.xwingKeyPair(seed).publicKey;
  const prefix = name('vault.');
  const generations = async () =>
    (await keys.list())
      .filter((item) => item.name.startsWith(prefix))
      .map((item) => ({ name: item.name, generation: Number(item.name.slice(prefix.length)) }));
  const newestKey = async (): Promise<number | undefined> => {
    const known = await generations();
    return known.length === 0 ? undefined : Math.max(...known.map(({ generation }) => generation));
  };
  const dropOlderKeys = async (than: number) => {
    for (const known of await generations()) if (known.generation < than) await keys.remove(known.name);
  };
  // The entries themselves say which key they are under: an erasure that a crash cut short is finished here.
  state.vaultGeneration = vaultGeneration(store) ?? (await newestKey()) ?? state.vaultGeneration;
  await dropOlderKeys(state.vaultGeneration);
  const vault = openVault({
    store,
    random,
    crypto,
    key: await ensureSeed(keys, `${prefix}${state.vaultGeneration}`, random),
    generation: state.vaultGeneration,
    renew: (generation) => ensureSeed(keys, `${prefix}${generation}`, random),
    async retire(generation) {
      state.vaultGeneration = generation;
      save();
      await dropOlderKeys(generation);
    },
  });
  return {
    vault,
    seed,
    invitation: (scopes) => ({ rid: state.archiveRid, prekeyId, prekey, scopes, role: 2, expiresMs }),
  };
}
