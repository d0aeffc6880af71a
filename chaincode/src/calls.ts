import type { CryptoProvider } from '@pulseseal/crypto';
import { type CoseKey, encodeCoseKey, thumbprint } from '@pulseseal/protocol';
import { uintBytes } from './arguments.ts';
import { type Consistency, encodeConsistency } from './contracts/tree-heads.ts';
import type { LedgerFunction } from './names.ts';

/** A call without its act: hand `fn` and `args` to `signAct` where the function takes one. */
export interface LedgerCall {
  readonly fn: LedgerFunction;
  readonly args: readonly Uint8Array[];
  /** Inputs beside the transaction. */
  readonly transient: readonly Uint8Array[];
}

/** Every function of the ledger with its arguments by name. `key` of a signer is the one that signs the act. */
export const ledgerCalls = {
  registerGateway: (gateway: CoseKey, tenant: string): LedgerCall => ({
    fn: 'RegisterGateway',
    args: [encodeCoseKey(gateway), new TextEncoder().encode(tenant)],
    transient: [],
  }),
  retireGateway: (gatewayThumbprint: Uint8Array): LedgerCall => ({
    fn: 'RetireGateway',
    args: [gatewayThumbprint],
    transient: [],
  }),
  /** `saltedKeyHash` = SHA-256(16-byte salt || OK thumbprint). */
  registerDevice: (
    pseudonym: Uint8Array,
    owner: CoseKey,
    saltedKeyHash: Uint8Array,
    crypto: CryptoProvider,
  ): LedgerCall => ({
    fn: 'RegisterDevice',
    args: [pseudonym, thumbprint(owner, crypto), saltedKeyHash],
    transient: [encodeCoseKey(owner)],
  }),
  retireDevice: (pseudonym: Uint8Array, owner: CoseKey): LedgerCall => ({
    fn: 'RetireDevice',
    args: [pseudonym],
    transient: [encodeCoseKey(owner)],
  }),
  /** `prekeyHash` = SHA-256 of the X-Wing public key. */
  putRecipient: (rid: Uint8Array, identity: CoseKey, prekeyHash: Uint8Array, untilMs: number): LedgerCall => ({
    fn: 'PutRecipient',
    args: [rid, encodeCoseKey(identity), prekeyHash, uintBytes(untilMs)],
    transient: [],
  }),
  grantConsent: (consent: Uint8Array, pseudonym: Uint8Array, rid: Uint8Array, owner: CoseKey): LedgerCall => ({
    fn: 'GrantConsent',
    args: [consent, pseudonym, rid],
    transient: [encodeCoseKey(owner)],
  }),
  revokeConsent: (consent: Uint8Array, owner: CoseKey): LedgerCall => ({
    fn: 'RevokeConsent',
    args: [consent],
    transient: [encodeCoseKey(owner)],
  }),
  /** Takes no act: the manifest is signed itself. */
  putManifest: (manifest: Uint8Array, owner: CoseKey): LedgerCall => ({
    fn: 'PutManifest',
    args: [],
    transient: [manifest, encodeCoseKey(owner)],
  }),
  /** Takes no act: the head is signed itself. */
  anchorTreeHead: (sth: Uint8Array, consistency: Consistency): LedgerCall => ({
    fn: 'AnchorTreeHead',
    args: [sth, encodeConsistency(consistency)],
    transient: [],
  }),
  /**
   * `other`: a second close, or 32 bytes H(leaf table). `reporter`: a registered gateway, recipient or owner. `endorse`:
   * of the device, by its owner. `open`: the epoch's, whose hash is `oh`.
   */
  reportDispute: (
    oh: Uint8Array,
    segment: number,
    closeA: Uint8Array,
    other: Uint8Array,
    reporter: CoseKey,
    endorse: Uint8Array,
    open: Uint8Array,
  ): LedgerCall => ({
    fn: 'ReportDispute',
    args: [oh, uintBytes(segment), closeA, other],
    transient: [encodeCoseKey(reporter), endorse, open],
  }),
} as const;
