import type { RecipientRole } from '@pulseseal/protocol';
import { agentFailure } from './failures.ts';
import type { AgentStore } from './ports.ts';

/** Somebody who may read, as the owner decided. */
export interface Invitation {
  readonly rid: Uint8Array;
  readonly prekeyId: number;
  /** X-Wing public key, 1,216 bytes. */
  readonly prekey: Uint8Array;
  /** Scopes beside 0, which every recipient has. */
  readonly scopes: readonly number[];
  readonly role: RecipientRole;
  readonly expiresMs: number;
}

export interface Consent extends Invitation {
  /** Id on the ledger: 32 random bytes, so that nothing can be read from it. */
  readonly consent: Uint8Array;
}

export interface DeviceEntry {
  readonly pseudonym: Uint8Array;
  /** Thumbprint of the operational key. */
  readonly device: Uint8Array;
  /** COSE_Key of it. */
  readonly key: Uint8Array;
  readonly model: string;
  readonly suite: 1 | 2;
  /** 16 bytes: SHA-256(salt || device) stands on the ledger. */
  readonly salt: Uint8Array;
  endorse: Uint8Array;
  gateways: readonly Uint8Array[];
  recipients: readonly Consent[];
  /** Newest last; the last is the one in force. */
  manifests: readonly Uint8Array[];
  version: number;
  /** Newest version that the ledger has. */
  registered: number;
  /** What still has to happen outside; each is repeated until done. */
  owed: Owed;
}

export interface Owed {
  register: boolean;
  manifest: boolean;
  publishEndorse: boolean;
  publishManifest: boolean;
  grants: readonly { readonly consent: Uint8Array; readonly rid: Uint8Array }[];
  revokes: readonly Uint8Array[];
  releases: readonly OwedRelease[];
}

/** History that the owner grants: secrets of one epoch, sealed to one recipient when the gateway takes them. */
export interface OwedRelease {
  readonly rid: Uint8Array;
  readonly oh: Uint8Array;
  readonly scope: number;
}

export function owes({ owed }: DeviceEntry): boolean {
  return (
    owed.register ||
    owed.manifest ||
    owed.publishEndorse ||
    owed.publishManifest ||
    owed.grants.length > 0 ||
    owed.revokes.length > 0 ||
    owed.releases.length > 0
  );
}

export interface AgentState {
  /** Of the owner key on the ledger: strictly rising. */
  actCounter: number;
  readonly archiveRid: Uint8Array;
  devices: DeviceEntry[];
  session: { readonly bytes: Uint8Array; readonly untilMs: number } | null;
  /** Which vault key is in force. */
  vaultGeneration: number;
}

/** JSON with byte strings as {"b": base64}. */
export function writeAgentState(store: AgentStore, state: AgentState): void {
  store.writeState(Buffer.from(JSON.stringify(packed(state))));
}

export function readAgentState(store: AgentStore): AgentState | undefined {
  const bytes = store.readState();
  if (bytes === undefined) return undefined;
  try {
    const state = JSON.parse(Buffer.from(bytes).toString(), (_, value: unknown) =>
      isBytes(value) ? new Uint8Array(Buffer.from(value.b, 'base64')) : value,
    ) as AgentState;
    for (const entry of state.devices) {
      // Written by an agent before these were kept.
      entry.owed.releases ??= [];
      entry.registered ??= entry.owed.manifest ? entry.version - entry.manifests.length : entry.version;
    }
    return state;
  } catch (cause) {
    throw agentFailure('state-damaged', '', cause);
  }
}

function packed(value: unknown): unknown {
  if (value instanceof Uint8Array) return { b: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(packed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, packed(inner)]));
}

function isBytes(value: unknown): value is { b: string } {
  return typeof value === 'object' && value !== null && 'b' in value && typeof value.b === 'string';
}
