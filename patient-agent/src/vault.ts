import { type CryptoProvider, erase, fromHex, toHex, utf8 } from '@pulseseal/crypto';
import type { Random } from '@pulseseal/runtime';
import { agentFailure } from './failures.ts';
import { agentLimits } from './limits.ts';
import type { AgentStore } from './ports.ts';

/** One epoch whose secrets the patient keeps. */
export interface VaultEpoch {
  /** Hex of `oh`. */
  readonly oh: string;
  /** Hex of the device's thumbprint. */
  readonly device: string;
  readonly boot: number;
  readonly epoch: number;
  readonly t0Ms: number;
  readonly scopes: readonly number[];
}

/** The patient's own archive of epoch secrets, sealed under a key that only the agent has. */
export interface Vault {
  has(oh: Uint8Array): boolean;
  /** In the order in which they came. */
  list(): readonly VaultEpoch[];
  /** Durable when it returns. */
  add(entry: Omit<VaultEpoch, 'scopes'>, secrets: ReadonlyMap<number, Uint8Array>): void;
  /** Copies, which the caller erases; undefined when erased or never had. */
  secrets(oh: Uint8Array): ReadonlyMap<number, Uint8Array> | undefined;
  /**
   * Crypto-erasure: what stays is sealed anew under a fresh key and the old key is destroyed, so that remains of the
   * erased entry on the disk open for nobody.
   */
  erase(which: (epoch: VaultEpoch) => boolean): Promise<number>;
}

export interface VaultPorts {
  readonly store: AgentStore;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  /** The key in force, and its generation. */
  readonly key: Uint8Array;
  readonly generation: number;
  /** Makes the key of this generation durable. */
  renew(generation: number): Promise<Uint8Array>;
  /** Destroys the keys before this generation. */
  retire(generation: number): Promise<void>;
}

/** Under which key the stored entries are sealed; undefined when there is none. */
export function vaultGeneration(store: AgentStore): number | undefined {
  const first = store.readVault()[0];
  return first === undefined ? undefined : Buffer.from(first).readUInt32BE(0);
}

interface Sealed {
  readonly epoch: VaultEpoch;
  readonly record: Uint8Array;
}

const nonceBytes = 12;

/**
 * Record: generation of the vault key (4 bytes), length of the head (4), head (JSON of VaultEpoch, authenticated), nonce,
 * AES-256-GCM(secrets in order of scopes).
 */
export function openVault(ports: VaultPorts): Vault {
  const { store, random, crypto } = ports;
  let { key, generation } = ports;
  const entries = new Map<string, Sealed>();
  for (const record of store.readVault()) {
    const epoch = headOf(record);
    entries.set(epoch.oh, { epoch, record });
  }
  const seal = (epoch: VaultEpoch, secrets: ReadonlyMap<number, Uint8Array>): Uint8Array => {
    const head = utf8(JSON.stringify(epoch));
    const plain = new Uint8Array(Buffer.concat(epoch.scopes.map((scope) => secrets.get(scope)!)));
    // Random 96-bit nonces: far below the 2^32 bound of SP 800-38D for one key.
    const nonce = random.bytes(nonceBytes);
    const sealed = crypto.aes256GcmSeal(key, nonce, plain, head);
    erase(plain);
    const front = Buffer.alloc(8);
    front.writeUInt32BE(generation, 0);
    front.writeUInt32BE(head.length, 4);
    return new Uint8Array(Buffer.concat([front, head, nonce, sealed]));
  };
  const open = ({ epoch, record }: Sealed): ReadonlyMap<number, Uint8Array> => {
    const headLength = Buffer.from(record).readUInt32BE(4);
    const head = record.subarray(8, 8 + headLength);
    const at = 8 + headLength;
    const nonce = record.subarray(at, at + nonceBytes);
    const plain = crypto.aes256GcmOpen(key, nonce, record.subarray(at + nonceBytes), head);
    if (plain === undefined || plain.length !== epoch.scopes.length * 32) throw agentFailure('vault-damaged', epoch.oh);
    const secrets = new Map(epoch.scopes.map((scope, i) => [scope, plain.slice(i * 32, i * 32 + 32)]));
    erase(plain);
    return secrets;
  };
  return {
    has: (oh) => entries.has(toHex(oh)),
    list: () => [...entries.values()].map(({ epoch }) => epoch),
    add(entry, secrets) {
      if (entries.has(entry.oh)) return;
      if (entries.size >= agentLimits.maxVaultEpochs) throw agentFailure('vault-full');
      const epoch: VaultEpoch = { ...entry, scopes: [...secrets.keys()].sort((a, b) => a - b) };
      const record = seal(epoch, secrets);
      store.appendVault(record);
      entries.set(epoch.oh, { epoch, record });
    },
    secrets(oh) {
      const entry = entries.get(toHex(oh));
      return entry === undefined ? undefined : open(entry);
    },
    async erase(which) {
      const gone = [...entries.values()].filter(({ epoch }) => which(epoch));
      if (gone.length === 0) return 0;
      const opened = [...entries.values()].filter(({ epoch }) => !which(epoch)).map((e) => [e.epoch, open(e)] as const);
      const old = key;
      key = await ports.renew(generation + 1);
      generation++;
      entries.clear();
      for (const [epoch, secrets] of opened) {
        entries.set(epoch.oh, { epoch, record: seal(epoch, secrets) });
        for (const secret of secrets.values()) erase(secret);
      }
      store.rewriteVault([...entries.values()].map(({ record }) => record));
      await ports.retire(generation);
      erase(old);
      return gone.length;
    },
  };
}

function headOf(record: Uint8Array): VaultEpoch {
  try {
    const length = Buffer.from(record.buffer, record.byteOffset, record.length).readUInt32BE(4);
    const head = JSON.parse(Buffer.from(record.subarray(8, 8 + length)).toString()) as VaultEpoch;
    fromHex(head.oh);
    return head;
  } catch (cause) {
    throw agentFailure('vault-damaged', '', cause);
  }
}
