import type { CoseKey, ManifestPolicy } from '@pulseseal/protocol';
import type { LocalLink } from './ports.ts';
import type { Consent, Invitation } from './state.ts';
import type { Vault, VaultEpoch } from './vault.ts';

export interface AgentSettings {
  /** Prefix of the names in the key store: several agents may share one. Lower case, digits, `.`, `-`. */
  readonly name: string;
  readonly policy: ManifestPolicy;
}

export const defaultPolicy: ManifestPolicy = { maxEpochS: 3_600, rekeyGraceS: 60, maxStaleS: 7 * 86_400 };

/** A claimed device as its owner sees it. */
export interface AgentDevice {
  readonly pseudonym: Uint8Array;
  /** Thumbprint of its operational key. */
  readonly device: Uint8Array;
  readonly key: CoseKey;
  /** `<dev>` text. */
  readonly text: string;
  readonly model: string;
  readonly version: number;
  readonly recipients: readonly Consent[];
  readonly gateways: readonly Uint8Array[];
  readonly endorse: Uint8Array;
  readonly manifest: Uint8Array;
}

export interface ClaimOrder {
  /** Text of the QR on the box. */
  readonly code: string;
  /** Of the device; by default what its operational key says. */
  readonly suite?: 1 | 2;
  /** Every scope of the device but 0: what the archive may open. */
  readonly scopes: readonly number[];
  readonly recipients: readonly Invitation[];
  /** Thumbprints of the gateways that may serve. */
  readonly gateways: readonly Uint8Array[];
}

/** The patient's own keys and decisions: who may read, which gateways may serve, what stays in the archive. */
export interface PatientAgent {
  readonly owner: CoseKey;
  readonly thumbprint: Uint8Array;
  /** `<dev>` form: the MQTT client id. */
  readonly text: string;
  readonly vault: Vault;
  /** Password of a login at this gateway, bound to the TLS connection (see protocol 12). */
  password(gateway: Uint8Array, exporter: Uint8Array | undefined): Uint8Array;
  /** Claims the device at the other end. Resolves when it is endorsed and has its first manifest. */
  claim(link: LocalLink, order: ClaimOrder): Promise<AgentDevice>;
  /** Serves a device that is claimed already. */
  attach(link: LocalLink): void;
  /**
   * A desk where anybody's device may come by: one that first says its box code (the text of its QR, which a phone would
   * scan) is claimed by `order`, any other one is served. For a port on loopback.
   */
  desk(link: LocalLink, order: Omit<ClaimOrder, 'code'>): void;
  devices(): readonly AgentDevice[];
  /** A new manifest with one recipient more; the device opens a new epoch. @throws Failure prekey-invalid and others */
  addRecipient(pseudonym: Uint8Array, invitation: Invitation): void;
  /** Ends the consent: ledger first, then the manifest. What was decrypted stays decrypted. */
  removeRecipient(pseudonym: Uint8Array, rid: Uint8Array): void;
  /**
   * Grants history: the secrets of epochs in the vault that `which` chooses, in the scopes that this recipient's consent
   * names, or fewer. Answers how many secrets go. What is revoked or erased before it went does not go.
   */
  grantHistory(
    pseudonym: Uint8Array,
    rid: Uint8Array,
    which: (epoch: VaultEpoch) => boolean,
    scopes?: readonly number[],
  ): number;
  /** The recipient's next prekey, in every device that names it. @throws Failure prekey-invalid; nothing is changed then */
  rotatePrekey(rid: Uint8Array, prekeyId: number, prekey: Uint8Array, expiresMs: number): void;
  setGateways(pseudonym: Uint8Array, gateways: readonly Uint8Array[]): void;
  /** Hands in what is owed to ledger and gateway; also done by itself until all is taken. */
  settle(): Promise<boolean>;
  /** Counts of what was not obeyed, by reason. */
  readonly refusals: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}
